//! Folders that documents are dropped into: what is listed, and what is read.

use std::fs::FileTimes;
use std::path::Path;
use std::time::{Duration, SystemTime};

use millrace::workspace::NoFollowError;
use millrace::workspace::inbox::{Dropped, Inbox, MAX_INBOX_NAMES, Print};

const FOLDER: &str = "ideas/inbox";

fn made() -> (tempfile::TempDir, Inbox) {
    let root = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(root.path().join(FOLDER)).expect("an inbox");
    let inbox = Inbox::new(root.path(), FOLDER);
    (root, inbox)
}

fn file(root: &Path, name: &str, text: &str) {
    std::fs::write(root.join(FOLDER).join(name), text).expect("a file");
}

fn only(inbox: &Inbox) -> Dropped {
    let (mut files, more) = inbox.list().expect("a list");
    assert!(files.len() == 1 && !more, "{files:?}");
    files.remove(0)
}

#[test]
fn an_inbox_that_is_not_there_is_empty() {
    let root = tempfile::tempdir().expect("a folder");
    assert_eq!(Inbox::new(root.path(), FOLDER).list().expect("a list"), (Vec::new(), false));
    std::fs::write(root.path().join("ideas"), "").expect("a file");
    assert!(matches!(Inbox::new(root.path(), FOLDER).list(), Err(NoFollowError::NotAFolder(_))));
}

#[test]
fn names_beyond_the_bound_are_told() {
    let (root, inbox) = made();
    for n in 0..MAX_INBOX_NAMES {
        file(root.path(), &format!("{n}.md"), "");
    }
    let (files, more) = inbox.list().expect("a list");
    assert!(files.len() == MAX_INBOX_NAMES && !more, "{}", files.len());
    file(root.path(), "more.md", "");
    let (files, more) = inbox.list().expect("a list");
    assert!(files.len() == MAX_INBOX_NAMES && more, "{}", files.len());
}

#[test]
fn what_changed_since_it_was_listed_is_not_read() {
    let (root, inbox) = made();
    file(root.path(), "one.md", "one\n");
    let listed = only(&inbox);
    assert_eq!(inbox.read(&listed, 100).expect("read").as_deref(), Some(&b"one\n"[..]));
    assert!(matches!(inbox.read(&listed, 3), Err(NoFollowError::TooLarge { .. })));
    file(root.path(), "one.md", "longer\n");
    assert_eq!(inbox.read(&listed, 100).expect("read"), None);
    let again = only(&inbox);
    assert!(again.print != listed.print && inbox.read(&again, 100).expect("read").is_some());
    std::fs::remove_file(root.path().join(FOLDER).join("one.md")).expect("removed");
    assert_eq!(inbox.read(&again, 100).expect("read"), None);
}

#[test]
fn a_file_rests_by_its_own_times_unless_they_lie_ahead() {
    let (root, inbox) = made();
    file(root.path(), "one.md", "one\n");
    let print = only(&inbox).print;
    let path = root.path().join(FOLDER).join("one.md");
    assert_eq!(Print::at(&path), Some(print));
    assert_eq!(Print::at(&root.path().join("none")), None);
    let (second, now) = (Duration::from_secs(1), SystemTime::now());
    assert!(!print.rests_for(second * 60, now));
    assert!(print.rests_for(second * 60, now + second * 120));
    // A clock that was set back, and a file that says it is of tomorrow.
    assert!(!print.rests_for(second, now - second * 60));
    let open = std::fs::File::options().write(true).open(&path).expect("a file");
    open.set_times(FileTimes::new().set_modified(now + second * 86_400)).expect("a time");
    assert!(!only(&inbox).print.rests_for(second, now + second * 120));
    // A time that lies behind is no proof: the file was touched just now.
    open.set_times(FileTimes::new().set_modified(now - second * 86_400)).expect("a time");
    assert!(!only(&inbox).print.rests_for(second * 60, now));
}
