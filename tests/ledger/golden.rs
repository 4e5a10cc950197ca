//! Golden ledgers: one for each release that changed a format or rules. All of them verify for ever.
//!
//! They are called `<format>-<rules>`; the first one, of format 1 and rules 1, is `1`. Its decisions are not judged again
//! by later rules, but every commit of it has to be what `apply` makes of them.
//!
//! The one of this release is written anew with `MILLRACE_WRITE_GOLDEN=1 cargo test --test suite golden`, and never
//! after the release: from then on it is what an old ledger looks like.

use std::path::{Path, PathBuf};

use millrace::domain::oid::Oid;
use millrace::domain::transition::record::{FORMAT, RULES};
use millrace::ledger::git::{Durability, GitStore};
use millrace::ledger::store::{RefName, Store};
use millrace::ledger::verify::verify;

use crate::support::play::Play;
use crate::support::repo::TestRepo;
use crate::support::story::tell_with_requests;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden")
}

fn write(to: &Path) {
    let repo = TestRepo::init();
    let store = GitStore::open(&repo.git_dir(), Durability::Off).expect("a store");
    let mut play = Play::on(Box::new(store));
    play.looks = false;
    tell_with_requests(&mut play);
    std::fs::create_dir_all(to).expect("a folder");
    let bundle = to.join("ledger.bundle");
    let path = bundle.to_str().expect("text");
    repo.git(&["-c", "pack.threads=1", "bundle", "create", "--quiet", path, "refs/millrace/state"]);
    std::fs::write(to.join("tip"), format!("{}\n", play.tip().expect("a tip"))).expect("written");
}

#[test]
fn every_golden_ledger_verifies() {
    if std::env::var_os("MILLRACE_WRITE_GOLDEN").is_some() {
        write(&folder().join(format!("{FORMAT}-{RULES}")));
    }
    let mut seen = 0;
    for entry in std::fs::read_dir(folder()).expect("the golden ledgers") {
        let golden = entry.expect("an entry").path();
        let tip: Oid =
            std::fs::read_to_string(golden.join("tip")).expect("a tip").trim().parse().expect("an id");
        let repo = TestRepo::init();
        let bundle = golden.join("ledger.bundle");
        repo.git(&[
            "fetch",
            "--quiet",
            bundle.to_str().expect("text"),
            "refs/millrace/state:refs/millrace/state",
        ]);
        let store = GitStore::open(&repo.git_dir(), Durability::Off).expect("a store");
        assert_eq!(store.resolve(&RefName::State).expect("a ref"), Some(tip), "{}", golden.display());
        let report = verify(&store, tip).expect("a readable store");
        assert!(report.is_sound(), "{}: {:#?}", golden.display(), report.findings);
        let name = golden.file_name().expect("a name").to_string_lossy().into_owned();
        let ours = name == format!("{FORMAT}-{RULES}");
        assert_eq!(report.not_rejudged, if ours { 0 } else { report.commits }, "{name}");
        assert!(report.commits > 100, "{}", report.commits);
        super::support::assert_clean(&repo);
        seen += 1;
    }
    assert!(seen >= RULES as usize, "a ledger for each version of the rules");
}
