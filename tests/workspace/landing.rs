//! Why a finished change is not committed, in words, and what comes between its steps. That each reason happens is shown
//! with a runtime.

use std::os::unix::fs::PermissionsExt as _;

use millrace::domain::oid::Oid;
use millrace::workspace::landing::{Landed, Landing, Left, land};

use super::{found, head, snap};
use crate::support::repo::TestRepo;

/// A repository with a run that is done: its first snapshot and its last.
fn finished() -> (TestRepo, Oid, Oid) {
    let repo = TestRepo::with_commit();
    repo.git(&["config", "user.name", "The User"]);
    repo.git(&["config", "user.email", "user@example.org"]);
    repo.write("old", "old");
    repo.write("other", "other");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "--quiet", "-m", "more"]);
    let start = snap(&repo, head(&repo));
    repo.write("made", "made");
    repo.write("README.md", "changed");
    std::fs::remove_file(repo.path().join("old")).expect("removed");
    let last = snap(&repo, Some(start));
    (repo, start, last)
}

fn landed(repo: &TestRepo, start: Oid, last: Oid) -> Landed {
    let message = "Do it\n\nMillrace-Run: 20200101-0000-aaaaaa\n";
    let run = "20200101-0000-aaaaaa";
    let landing = Landing { run, branch: Some("refs/heads/main"), start, last, message };
    land(&found(repo), &landing).expect("looked at")
}

#[test]
fn a_git_that_is_at_work_on_the_index_is_waited_for() {
    let (repo, start, last) = finished();
    let lock = repo.git_dir().join("index.lock");
    std::fs::write(&lock, "").expect("a lock");
    let other = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_secs(1));
        std::fs::remove_file(lock).expect("removed");
    });
    let came_to = landed(&repo, start, last);
    other.join().expect("its end");
    assert!(matches!(came_to, Landed::Committed { .. }), "{came_to:?}");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_branch_that_moves_meanwhile_stays_where_it_went_and_the_index_as_it_was() {
    let (repo, start, last) = finished();
    let index = repo.git(&["ls-files", "--stage"]);
    // The program that signs is the last one to run before the index and the branch are changed.
    let signs = repo.beside().join("signs.sh");
    let git_dir = repo.git_dir().canonicalize().expect("a path");
    std::fs::write(
        &signs,
        format!(
            "#!/bin/sh\ncat >/dev/null\nunset GIT_INDEX_FILE\nc=$(git --git-dir={dir} -c user.name=o -c user.email=o@o \
             commit-tree -p HEAD -m theirs HEAD^{{tree}})\ngit --git-dir={dir} update-ref refs/heads/main $c\n\
             echo '[GNUPG:] SIG_CREATED ' >&2\nprintf -- '-----BEGIN PGP SIGNATURE-----\\n\\nx\\n-----END PGP SIGNATURE-----\\n'\n",
            dir = git_dir.display()
        ),
    )
    .expect("a script");
    std::fs::set_permissions(&signs, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    repo.git(&["config", "commit.gpgSign", "true"]);
    repo.git(&["config", "gpg.program", &signs.display().to_string()]);
    let came_to = landed(&repo, start, last);
    assert_eq!(came_to, Landed::Left(Left::Moved("main".to_owned())));
    assert_eq!(repo.git(&["log", "-1", "--format=%s"]), "theirs");
    assert_eq!(repo.git(&["ls-files", "--stage"]), index);
    assert_eq!(repo.read("made"), "made");
}

/// A run that changes the attributes does not bring files into the user's commit that it has not touched.
#[test]
fn files_that_only_their_storage_has_changed_of_stay_out() {
    let (repo, ..) = finished();
    repo.write("lines.txt", "one\r\ntwo\r\n");
    repo.write("touched.txt", "one\r\n");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "--quiet", "-m", "lines"]);
    let start = snap(&repo, head(&repo));
    repo.write(".gitattributes", "*.txt text\n");
    repo.write("touched.txt", "one\r\ntwo\r\n");
    let last = snap(&repo, Some(start));
    assert_eq!(
        repo.git(&["diff", "--name-only", &format!("{start}..{last}"), "--", "lines.txt"]),
        "lines.txt"
    );
    let Landed::Committed { commit, .. } = landed(&repo, start, last) else { panic!("it is committed") };
    let names = repo.git(&["show", "--format=", "--name-only", &commit.to_string()]);
    assert_eq!(names, ".gitattributes\ntouched.txt");
    // Asked again after a crash, it is the same.
    assert!(matches!(landed(&repo, start, last), Landed::Committed { commit: again, .. } if again == commit));
}

/// A program that signs and does not end is ended.
#[test]
fn a_program_that_never_signs_is_ended_and_the_change_stays() {
    let (repo, start, last) = finished();
    let signs = repo.beside().join("signs.sh");
    std::fs::write(&signs, "#!/bin/sh\nexec sleep 300\n").expect("a script");
    std::fs::set_permissions(&signs, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    repo.git(&["config", "commit.gpgSign", "true"]);
    repo.git(&["config", "gpg.program", &signs.display().to_string()]);
    let before = head(&repo);
    let came_to = landed(&repo, start, last);
    let why = "git commit-tree did not end within 10 s".to_owned();
    assert_eq!(came_to, Landed::Left(Left::Refused(why)));
    assert_eq!(head(&repo), before);
}

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
