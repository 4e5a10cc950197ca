//! What an error of a harness means: whose fault a failed run is. One table for all harnesses.
//!
//! A machine's word comes first (the harness's own class, the kind of error that the provider named), then the status
//! of the provider's answer, and text only where there is nothing better: it is a table of what was seen in recorded
//! runs. What none of them knows is the work's own failure: the item goes to its repair stage, and nothing waits for an
//! outage that is none.

use super::retry::Retry;
use crate::domain::result::InfrastructureClass as Class;

/// The meaning of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The harness could not work.
    Infrastructure(Class),
    /// The work did not fit into the model's context window; waiting does not help.
    ContextOverflow,
    /// The harness came to a limit of its own that it was started with: turns, budget.
    LimitReached,
    /// Anything else: a request that the provider refuses, an answer that was cut.
    Other,
}

/// What a harness says went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// In its words.
    pub message: String,
    /// What they mean.
    pub trouble: Trouble,
    /// When to try again, where the provider names a time.
    pub retry: Option<Retry>,
}

impl Complaint {
    /// What a message means that stands alone.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self::with_signs(message, &Signs::default())
    }

    /// What a message means beside what a machine says.
    #[must_use]
    pub fn with_signs(message: impl Into<String>, signs: &Signs<'_>) -> Self {
        let message = message.into();
        Self { trouble: classify(&message, signs), retry: Retry::named_in(&message), message }
    }
}

/// What a machine says about an error, beside its message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Signs<'a> {
    /// The HTTP status of the provider's answer.
    pub status: Option<u64>,
    /// Names of the error, the harness's or the provider's (`rate_limit_error`); the first that is known counts.
    pub names: &'a [&'a str],
}

/// Names of errors, of harnesses and providers.
const NAMES: &[(&str, Trouble)] = &[
    ("context_window_exceeded", Trouble::ContextOverflow),
    ("context_length_exceeded", Trouble::ContextOverflow),
    ("prompt_too_long", Trouble::ContextOverflow),
    ("request_too_large", Trouble::ContextOverflow),
    ("usage_limit_exceeded", Trouble::Infrastructure(Class::Quota)),
    ("usage_limit_reached", Trouble::Infrastructure(Class::Quota)),
    ("insufficient_quota", Trouble::Infrastructure(Class::Quota)),
    ("billing_error", Trouble::Infrastructure(Class::Quota)),
    ("rate_limit_exceeded", Trouble::Infrastructure(Class::RateLimit)),
    ("model_not_found", Trouble::Infrastructure(Class::BadModel)),
    ("unauthorized", Trouble::Infrastructure(Class::Auth)),
    ("authentication_error", Trouble::Infrastructure(Class::Auth)),
    ("authentication_failed", Trouble::Infrastructure(Class::Auth)),
    ("permission_error", Trouble::Infrastructure(Class::Auth)),
    ("internal_server_error", Trouble::Infrastructure(Class::Server)),
    ("server_overloaded", Trouble::Infrastructure(Class::Server)),
    ("overloaded_error", Trouble::Infrastructure(Class::Server)),
    ("max_turns", Trouble::LimitReached),
    ("error_max_turns", Trouble::LimitReached),
    ("budget_exhausted", Trouble::LimitReached),
    ("error_max_budget_usd", Trouble::LimitReached),
];

/// Names that say less than a status beside them.
const VAGUE_NAMES: &[(&str, Class)] = &[
    ("rate_limit", Class::RateLimit),
    ("rate_limit_error", Class::RateLimit),
    ("response_too_many_failed_attempts", Class::RateLimit),
    ("overloaded", Class::Server),
    ("server_error", Class::Server),
    ("api_error", Class::Server),
    ("not_found_error", Class::BadModel),
    ("http_connection_failed", Class::Network),
    ("response_stream_connection_failed", Class::Network),
    ("response_stream_disconnected", Class::Network),
    ("connection_failed", Class::Network),
];

/// Texts that tell a class whatever status stands beside them, in the order in which they are looked for (lower case).
const CERTAIN: &[(&str, Trouble)] = &[
    ("context window", Trouble::ContextOverflow),
    ("context_length_exceeded", Trouble::ContextOverflow),
    ("prompt is too long", Trouble::ContextOverflow),
    ("quota exceeded", Trouble::Infrastructure(Class::Quota)),
    ("insufficient_quota", Trouble::Infrastructure(Class::Quota)),
    ("exceeded your current quota", Trouble::Infrastructure(Class::Quota)),
    ("usage limit", Trouble::Infrastructure(Class::Quota)),
    ("credit balance is too low", Trouble::Infrastructure(Class::Quota)),
    ("missing environment variable", Trouble::Infrastructure(Class::Configuration)),
    ("model_not_found", Trouble::Infrastructure(Class::BadModel)),
];

/// Texts that tell a class where nothing else does (lower case).
const LIKELY: &[(&str, Class)] = &[
    ("rate limit", Class::RateLimit),
    ("too many requests", Class::RateLimit),
    ("high demand", Class::Server),
    ("overloaded", Class::Server),
    ("internal server error", Class::Server),
    ("service unavailable", Class::Server),
    ("unauthorized", Class::Auth),
    ("invalid api key", Class::Auth),
    ("not logged in", Class::Auth),
    ("authentication", Class::Auth),
    ("stream disconnected", Class::Network),
    ("connection failed", Class::Network),
    ("connection refused", Class::Network),
    ("connection reset", Class::Network),
    ("error sending request", Class::Network),
    ("waiting for network", Class::Network),
    ("network error", Class::Network),
    ("idle timeout waiting for", Class::Network),
    ("request timed out", Class::Network),
];

/// What an error means, by all that is said of it.
#[must_use]
pub fn classify(message: &str, signs: &Signs<'_>) -> Trouble {
    let lower = message.to_lowercase();
    if let Some(trouble) = find(NAMES, signs.names) {
        return trouble;
    }
    if let Some((_, trouble)) = CERTAIN.iter().find(|(text, _)| lower.contains(text)) {
        return *trouble;
    }
    if lower.starts_with("model: ") {
        return Trouble::Infrastructure(Class::BadModel);
    }
    if let Some(trouble) = signs.status.or_else(|| status(&lower)).and_then(by_status) {
        return trouble;
    }
    if let Some(class) = find(VAGUE_NAMES, signs.names) {
        return Trouble::Infrastructure(class);
    }
    LIKELY
        .iter()
        .find(|(text, _)| lower.contains(text))
        .map_or(Trouble::Other, |(_, class)| Trouble::Infrastructure(*class))
}

/// What the first known name stands for.
fn find<T: Copy>(table: &[(&str, T)], names: &[&str]) -> Option<T> {
    names.iter().find_map(|name| table.iter().find(|(known, _)| known == name)).map(|(_, meaning)| *meaning)
}

fn by_status(status: u64) -> Option<Trouble> {
    Some(Trouble::Infrastructure(match status {
        401 | 403 => Class::Auth,
        402 => Class::Quota,
        404 => Class::BadModel,
        408 => Class::Network,
        429 => Class::RateLimit,
        500..=599 => Class::Server,
        413 => return Some(Trouble::ContextOverflow),
        400..=499 => return Some(Trouble::Other),
        _ => return None,
    }))
}

/// The number after the first `status`, if there is one (`status 401`, `last status: 429`).
fn status(lower: &str) -> Option<u64> {
    lower.split("status").skip(1).find_map(|rest| {
        let digits: String =
            rest.trim_start_matches([':', ' ']).chars().take_while(char::is_ascii_digit).take(4).collect();
        if digits.len() == 3 { digits.parse().ok() } else { None }
    })
}
