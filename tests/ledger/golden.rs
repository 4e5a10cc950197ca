//! Golden ledgers: one for each release that changed a format or rules. All of them verify for ever.
//!
//! The one of this release is written anew with `MILLRACE_WRITE_GOLDEN=1 cargo test --test suite golden`, and never
//! after the release: from then on it is what an old ledger looks like.

use std::path::{Path, PathBuf};

use millrace::domain::oid::Oid;
use millrace::domain::transition::record::FORMAT;
use millrace::ledger::git::{Durability, GitStore};
use millrace::ledger::store::{RefName, Store};
use millrace::ledger::verify::verify;

use crate::support::play::Play;
use crate::support::repo::TestRepo;
use crate::support::story::tell;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden")
}

fn write(to: &Path) {
    let repo = TestRepo::init();
    let store = GitStore::open(&repo.git_dir(), Durability::Off).expect("a store");
    let mut play = Play::on(Box::new(store));
    play.looks = false;
    tell(&mut play);
    std::fs::create_dir_all(to).expect("a folder");
    let bundle = to.join("ledger.bundle");
    let path = bundle.to_str().expect("text");
    repo.git(&["-c", "pack.threads=1", "bundle", "create", "--quiet", path, "refs/millrace/state"]);
    std::fs::write(to.join("tip"), format!("{}\n", play.tip().expect("a tip"))).expect("written");
}

#[test]
fn every_golden_ledger_verifies() {
    if std::env::var_os("MILLRACE_WRITE_GOLDEN").is_some() {
        write(&folder().join(FORMAT.to_string()));
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
        assert_eq!(report.not_rejudged, 0, "these rules are known: {}", golden.display());
        assert!(report.commits > 100, "{}", report.commits);
        super::support::assert_clean(&repo);
        seen += 1;
    }
    assert!(seen >= FORMAT as usize, "a ledger for each format");
}
