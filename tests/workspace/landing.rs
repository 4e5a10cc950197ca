//! Why a finished change is not committed, in words. That each of them happens is shown with a runtime.

use millrace::workspace::landing::Left;

#[test]
fn every_reason_says_what_is_in_the_way() {
    let texts: Vec<String> = [
        Left::Nothing,
        Left::Detached,
        Left::Switched { began: "main".to_owned(), now: "other".to_owned() },
        Left::InProgress("rebase"),
        Left::Conflicts,
        Left::NoIndex,
        Left::Differs("a, b".to_owned()),
        Left::Staged("a".to_owned()),
        Left::NoIdentity,
        Left::Refused("no".to_owned()),
        Left::Moved("main".to_owned()),
    ]
    .iter()
    .map(ToString::to_string)
    .collect();
    assert_eq!(
        texts,
        [
            "it changed nothing",
            "HEAD is detached: there is no branch to commit on",
            "the run began on main, and other is checked out",
            "a rebase is in progress",
            "the index holds conflicts that are not resolved",
            "the index cannot be read",
            "HEAD has a, b otherwise than the run found it: it was changed and not committed before the run, or HEAD has moved",
            "the index has a otherwise than HEAD: it is staged",
            "git knows no identity to commit as: set user.name and user.email",
            "git does not commit it: no",
            "main moved while the commit was made",
        ]
    );
}
