//! What tokens cost where the harness does not say it.

use millrace::domain::price::Price;
use millrace::domain::usage::{CostSource, Usage, Usd};

fn usd(text: &str) -> Usd {
    text.parse().expect("an amount")
}

fn price() -> Price {
    Price { input: usd("2"), cache_read: usd("0.2"), cache_write: usd("2.5"), output: usd("10") }
}

fn used(numbers: [Option<u64>; 4]) -> Usage {
    let [input_uncached, cache_read, cache_write, output] = numbers;
    Usage { input_uncached, cache_read, cache_write, output, ..Usage::default() }
}

#[test]
fn a_price_is_by_the_kind_of_token_and_half_a_price_is_none() {
    let million = Some(1_000_000);
    for (numbers, cost) in [
        ([million, None, None, Some(0)], Some("2.00")),
        ([Some(0), million, None, Some(0)], Some("0.20")),
        ([Some(0), None, million, Some(0)], Some("2.50")),
        ([Some(0), None, None, million], Some("10.00")),
        ([million, million, million, million], Some("14.70")),
        // Rounded up, so that many small launches are not free.
        ([Some(0), Some(1), None, Some(0)], Some("0.000001")),
        ([Some(0), None, None, Some(0)], Some("0.00")),
        ([Some(u64::MAX), None, None, Some(u64::MAX)], Some("18446744073709.551615")),
        ([million, None, None, None], None),
        ([None, million, None, million], None),
        ([None, None, None, None], None),
    ] {
        assert_eq!(price().of(&used(numbers)), cost.map(usd), "{numbers:?}");
    }
}

#[test]
fn of_a_stage_that_runs_the_price_is_a_lower_bound() {
    for (numbers, cost) in [
        ([Some(500_000), None, None, None], Some("1")),
        ([Some(500_000), Some(1_000_000), None, None], Some("1.2")),
        ([None, None, None, Some(100_000)], Some("1")),
        ([Some(500_000), None, None, Some(100_000)], Some("2")),
        ([None, Some(1), None, None], None),
        ([None, None, None, None], None),
    ] {
        assert_eq!(price().at_least(&used(numbers)), cost.map(usd), "{numbers:?}");
    }
}

#[test]
fn only_what_has_no_cost_is_priced() {
    let known = used([Some(500_000), None, None, Some(0)]);
    let priced = known.priced(Some(&price()));
    assert_eq!((priced.cost, priced.cost_source), (Some(usd("1")), Some(CostSource::Priced)));
    assert_eq!(priced.cost_in_words().as_deref(), Some("1.00 (priced)"));
    let told = Usage { cost: Some(usd("3")), cost_source: Some(CostSource::Harness), ..known };
    assert_eq!(told.priced(Some(&price())), told);
    assert_eq!(known.priced(None), known);
    assert_eq!(Usage::default().priced(Some(&price())), Usage::default());
    assert_eq!(Usage::default().cost_in_words(), None);
}

#[test]
fn of_two_who_looked_each_part_is_the_larger() {
    let stream = Usage {
        cost: Some(usd("2")),
        cost_source: Some(CostSource::Priced),
        ..used([Some(9), None, Some(1), Some(4)])
    };
    let end = Usage {
        cost: Some(usd("1")),
        cost_source: Some(CostSource::Harness),
        ..used([Some(7), Some(3), None, Some(5)])
    };
    let both = end.at_least(&stream);
    let expected = used([Some(9), Some(3), Some(1), Some(5)]);
    assert_eq!(both, Usage { cost: Some(usd("2")), cost_source: Some(CostSource::Priced), ..expected });
    assert_eq!(end.at_least(&Usage::default()), end);
    assert_eq!(Usage::default().at_least(&end), end);
}

#[test]
fn a_harness_that_never_started_used_nothing_and_that_is_known() {
    let nothing = Usage::nothing();
    assert_eq!((nothing.tokens(), nothing.cost), (Some(0), Some(Usd(0))));
    assert!(!nothing.is_unknown());
}

#[test]
fn an_amount_is_digits_with_at_most_six_decimals() {
    for (text, shown) in [
        ("0", "0.00"),
        ("2.5", "2.50"),
        ("0.000001", "0.000001"),
        ("0012.340000", "12.34"),
        ("18446744073709.551615", "18446744073709.551615"),
    ] {
        assert_eq!(usd(text).to_string(), shown);
    }
    for text in ["", ".5", "1.", "-1", "+1", "1e3", "1.0000001", "1,5", "18446744073709.551616", " 1"] {
        let error = text.parse::<Usd>().expect_err(text).to_string();
        let said = format!(
            "`{text}` is no amount of dollars: expected digits with at most six decimals, such as `2.50`"
        );
        assert_eq!(error, said);
    }
}
