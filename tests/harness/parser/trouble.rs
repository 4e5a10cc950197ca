//! The table of errors: names before status, status before text.

use millrace::domain::result::InfrastructureClass as Class;
use millrace::harness::parser::{Complaint, Signs, Trouble, classify};

#[test]
fn messages_that_were_seen_are_classified() {
    for (message, trouble) in [
        ("Missing environment variable: `SCRIPTED_KEY`.", Trouble::Infrastructure(Class::Configuration)),
        ("rate limit exceeded: try again in 20s", Trouble::Infrastructure(Class::RateLimit)),
        ("idle timeout waiting for SSE", Trouble::Infrastructure(Class::Network)),
        ("Connection failed: error sending request", Trouble::Infrastructure(Class::Network)),
        ("Reconnecting... waiting for network", Trouble::Infrastructure(Class::Network)),
        ("Not logged in \u{b7} Please run /login", Trouble::Infrastructure(Class::Auth)),
        ("Your credit balance is too low to access the API", Trouble::Infrastructure(Class::Quota)),
        ("unexpected status 400 Bad Request: connection failed", Trouble::Other),
        ("status: 12345", Trouble::Other),
        ("the tests of the rate calculation fail", Trouble::Other),
        ("", Trouble::Other),
    ] {
        assert_eq!(Complaint::new(message).trouble, trouble, "{message}");
    }
}

#[test]
fn a_machines_word_comes_before_status_and_status_before_text() {
    let infrastructure = Trouble::Infrastructure;
    for (status, names, message, trouble) in [
        (Some(429), &["insufficient_quota"][..], "slow down", infrastructure(Class::Quota)),
        (Some(429), &["rate_limit_error"], "overloaded", infrastructure(Class::RateLimit)),
        (Some(401), &["http_connection_failed"], "stream disconnected", infrastructure(Class::Auth)),
        (None, &["http_connection_failed"], "no words", infrastructure(Class::Network)),
        (None, &["other"], "stream disconnected before completion", infrastructure(Class::Network)),
        (Some(400), &["invalid_request_error"], "too many requests in this batch", Trouble::Other),
        (Some(400), &["prompt_too_long"], "", Trouble::ContextOverflow),
        (Some(413), &[], "", Trouble::ContextOverflow),
        (Some(402), &[], "", infrastructure(Class::Quota)),
        (Some(408), &[], "", infrastructure(Class::Network)),
        (Some(200), &[], "too many requests", infrastructure(Class::RateLimit)),
        (None, &["", "nobody_knows_this", "error_max_turns"], "x", Trouble::LimitReached),
    ] {
        assert_eq!(classify(message, &Signs { status, names }), trouble, "{status:?} {names:?} {message}");
    }
}
