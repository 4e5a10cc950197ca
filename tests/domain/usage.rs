//! Usage and amounts of money: unknown is not zero.

use millrace::domain::usage::{CostSource, Usage, Usd};

fn output(tokens: u64) -> Usage {
    Usage { output: Some(tokens), ..Usage::default() }
}

#[test]
fn what_is_not_known_is_no_zero() {
    assert_eq!(Usage::default().tokens(), None);
    assert_eq!(Usage { cache_read: Some(5), ..Usage::default() }.tokens(), None);
    assert_eq!(Usage { cache_read: Some(5), ..output(1) }.tokens(), Some(6));
    assert_eq!(output(0).tokens(), Some(0));
    assert!(Usage::default().is_unknown() && !output(0).is_unknown());
}

#[test]
fn what_was_used_since_is_never_too_small_and_never_negative() {
    let cost = |micros| Usage {
        cost: Some(Usd(micros)),
        cost_source: Some(CostSource::Harness),
        ..Usage::default()
    };
    assert_eq!(output(9).since(&output(4)), output(5));
    assert_eq!(output(9).since(&Usage::default()), output(9));
    assert_eq!(output(4).since(&output(9)), output(0));
    assert_eq!(Usage::default().since(&output(9)), Usage::default());
    assert_eq!(cost(9).since(&cost(4)), cost(5));
    assert_eq!(cost(9).since(&output(4)), cost(9));
}

#[test]
fn a_sum_is_what_was_used_at_least() {
    assert_eq!(output(9).plus(&output(4)), output(13));
    assert_eq!(output(9).plus(&Usage::default()), output(9));
    let cost = Usage { cost: Some(Usd(1)), cost_source: Some(CostSource::Priced), ..Usage::default() };
    assert_eq!(Usage::default().plus(&cost), cost);
    assert_eq!(cost.plus(&cost).cost, Some(Usd(2)));
    assert_eq!(output(u64::MAX).plus(&output(1)), output(u64::MAX));
}

#[test]
fn amounts_are_written_as_they_are_read() {
    for (text, micros, written) in [
        ("0", 0, "0.00"),
        ("2.50", 2_500_000, "2.50"),
        ("0.0064", 6_400, "0.0064"),
        ("12.000001", 12_000_001, "12.000001"),
    ] {
        assert_eq!(text.parse::<Usd>(), Ok(Usd(micros)), "{text}");
        assert_eq!(Usd(micros).to_string(), written);
        assert_eq!(written.parse::<Usd>(), Ok(Usd(micros)));
    }
    for text in ["", ".", "1.", ".5", "-1", "1e3", "1,5", "$1", "1.0000001", "99999999999999999999", "1 "] {
        let error = text.parse::<Usd>().unwrap_err().to_string();
        let expected = format!(
            "`{text}` is no amount of dollars: expected digits with at most six decimals, such as `2.50`"
        );
        assert_eq!(error, expected);
    }
    assert_eq!(Usd::from_dollars(0.006_361_6), Some(Usd(6_362)));
    for none in [-0.1, f64::NAN, f64::INFINITY, 1e15] {
        assert_eq!(Usd::from_dollars(none), None, "{none}");
    }
}
