//! What an error message of a harness means: whose fault a failed turn is.
//!
//! Harnesses give text, not codes, so this is a table of what was seen in recorded runs. What it does not know is
//! the work's own failure: the item goes to its repair stage, and nothing waits for an outage that is none.

use crate::domain::result::InfrastructureClass as Class;

/// The meaning of an error message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The harness could not work.
    Infrastructure(Class),
    /// The work did not fit into the model's context window; waiting does not help.
    ContextOverflow,
    /// Anything else: a request that the provider refuses, an answer that was cut.
    Other,
}

/// Texts that tell a class whatever else is said, in the order in which they are looked for (lower case).
const CERTAIN: &[(&str, Trouble)] = &[
    ("context window", Trouble::ContextOverflow),
    ("context_length_exceeded", Trouble::ContextOverflow),
    ("prompt is too long", Trouble::ContextOverflow),
    ("quota exceeded", Trouble::Infrastructure(Class::Quota)),
    ("insufficient_quota", Trouble::Infrastructure(Class::Quota)),
    ("exceeded your current quota", Trouble::Infrastructure(Class::Quota)),
    ("usage limit", Trouble::Infrastructure(Class::Quota)),
    ("missing environment variable", Trouble::Infrastructure(Class::Configuration)),
    ("model_not_found", Trouble::Infrastructure(Class::BadModel)),
];

/// Texts that tell a class where no status code does (lower case).
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

/// Classifies the message of a failed turn or of a reconnect notice.
#[must_use]
pub fn classify(message: &str) -> Trouble {
    let lower = message.to_lowercase();
    if let Some((_, trouble)) = CERTAIN.iter().find(|(text, _)| lower.contains(text)) {
        return *trouble;
    }
    if lower.starts_with("model: ") {
        return Trouble::Infrastructure(Class::BadModel);
    }
    match status(&lower) {
        Some(401 | 403) => return Trouble::Infrastructure(Class::Auth),
        Some(404) => return Trouble::Infrastructure(Class::BadModel),
        Some(429) => return Trouble::Infrastructure(Class::RateLimit),
        Some(500..=599) => return Trouble::Infrastructure(Class::Server),
        Some(400) => return Trouble::Other,
        _ => {}
    }
    LIKELY
        .iter()
        .find(|(text, _)| lower.contains(text))
        .map_or(Trouble::Other, |(_, class)| Trouble::Infrastructure(*class))
}

/// The number after the first `status`, if there is one (`status 401`, `last status: 429`).
fn status(lower: &str) -> Option<u16> {
    lower.split("status").skip(1).find_map(|rest| {
        let digits: String =
            rest.trim_start_matches([':', ' ']).chars().take_while(char::is_ascii_digit).take(4).collect();
        if digits.len() == 3 { digits.parse().ok() } else { None }
    })
}
