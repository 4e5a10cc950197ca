//! Ids: what each kind takes, and classes made of any text.

use millrace::domain::ids::{BadId, FailureClass, ItemId, Nonce, PlanId, ResultName, RunId, StageName};
use proptest::prelude::*;

#[test]
fn each_kind_of_id_takes_its_own_shape() {
    for good in ["a", "0", "Fix-login_2.1", &"x".repeat(128)] {
        assert_eq!(good.parse::<ItemId>().map(|id| id.to_string()).as_deref(), Ok(good));
    }
    for bad in [".a", "-a", "_a", "a/b", "a b", "ä", "a\n", "a~1", "..", "a\u{0}"] {
        assert!(matches!(bad.parse::<ItemId>(), Err(BadId::Shape { .. })), "{bad:?}");
    }
    assert_eq!("".parse::<ItemId>(), Err(BadId::Empty { what: "the id" }));
    assert_eq!("x".repeat(129).parse::<ItemId>(), Err(BadId::TooLong { what: "the id", length: 129 }));
    assert_eq!("20261118-0930-7f3a1c".parse::<RunId>().map(|run| run.day()).as_deref(), Ok("2026-11-18"));
    for bad in [
        "20261118-0930-7F3A1C",
        "20261118-930-7f3a1c",
        "2026-1118-0930-7f3a1c",
        "20261118-0930-7f3a1",
        "é261118-0930-7f3a1c",
    ] {
        assert!(bad.parse::<RunId>().is_err(), "{bad}");
    }
    assert!("plan-a-b-0123456789ab".parse::<PlanId>().is_ok());
    for bad in [
        "plan--0123456789ab",
        "plan-a-0123456789a",
        "plan-a-0123456789aB",
        "a-0123456789ab",
        "plan-0123456789ab",
    ] {
        assert!(bad.parse::<PlanId>().is_err(), "{bad}");
    }
    assert!("0".repeat(32).parse::<Nonce>().is_ok());
    assert!("0".repeat(31).parse::<Nonce>().is_err());
    assert!("BUILDER_COMPLETE".parse::<ResultName>().is_ok());
    assert!("builder".parse::<ResultName>().is_err() && "### BLOCKED".parse::<ResultName>().is_err());
    assert!("builder".parse::<StageName>().is_ok() && "Builder".parse::<StageName>().is_err());
}

#[test]
fn a_class_is_made_of_any_text() {
    let long = "x".repeat(300);
    for (text, class) in [
        ("runner_timeout", "runner_timeout"),
        ("  Runner: Timeout!! ", "runner_timeout"),
        ("429", "class_429"),
        ("5", "class_5"),
        ("500 Server Error", "class_500_server_error"),
        ("", "unclassified"),
        ("\u{202e}!?", "unclassified"),
        ("Ünknown", "nknown"),
        (long.as_str(), &long[..128]),
    ] {
        assert_eq!(FailureClass::normalised(text).as_str(), class, "{text:?}");
    }
    let digits = "1".repeat(300);
    assert_eq!(FailureClass::normalised(&digits).as_str(), format!("class_{}", &digits[..122]));
}

proptest! {
    #[test]
    fn every_class_that_is_made_is_one(text in ".{0,200}") {
        let class = FailureClass::normalised(&text);
        prop_assert_eq!(class.as_str().parse::<FailureClass>(), Ok(class.clone()));
    }

    #[test]
    fn no_text_makes_an_id_panic(text in ".{0,40}") {
        let _ = (text.parse::<ItemId>(), text.parse::<RunId>(), text.parse::<PlanId>());
    }
}
