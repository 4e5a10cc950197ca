//! A hostile stage at the user's repository and at the ledger.

use super::stage::Hostile;

#[test]
fn it_commits_and_stages() {
    let mut hostile = Hostile::new("commits", "");
    hostile.stage();
    assert_eq!(hostile.judged().1, "BUILDER_COMPLETE");
    hostile.is_over();
    let findings = hostile.findings().join("\n");
    assert!(findings.contains("HEAD moved from "), "{findings}");
    // What it staged stays staged: the snapshot has an index of its own.
    let repo = &hostile.site.repo;
    assert_eq!(repo.git(&["diff", "--cached", "--name-only"]), "staged.txt");
    let branch = hostile.site.run_branch();
    assert_eq!(repo.git(&["show", &format!("{branch}:staged.txt")]), "staged");
    hostile.site.sound();
}

#[test]
fn it_switches_the_branch() {
    let mut hostile = Hostile::new("switches_branch", "");
    hostile.stage();
    assert_eq!(hostile.judged().1, "BUILDER_COMPLETE");
    hostile.is_over();
    let findings = hostile.findings().join("\n");
    assert!(findings.contains("the branch changed from main to elsewhere"), "{findings}");
    let (answer, ..) = hostile.once();
    assert_eq!(answer["cause"], "branch_switched", "{answer:#}");
    hostile.site.sound();
}

/// What the stage made of the ledger is named, at once and at the next look; nothing is built on it, whoever looks; and
/// the repair goes back to the launch, from which the work goes on.
#[track_caller]
fn is_not_gone_on_with(behaviour: &str, named: &[&str]) {
    let mut hostile = Hostile::new(behaviour, "");
    let (answer, well, said) = hostile.once();
    assert!(!well && answer.is_null(), "{answer}");
    assert!(named.iter().all(|words| said.contains(words)), "{behaviour}: {said}");
    assert!(said.contains("`millrace doctor --repair` goes back to the newest intact state"), "{said}");
    let held = |hostile: &Hostile| {
        hostile.site.repo.git_output(&["rev-parse", "-q", "--verify", "refs/millrace/state"])
    };
    let before = held(&hostile).stdout;
    let (answer, well, said) = hostile.once();
    assert!(!well && answer.is_null(), "{answer}");
    assert!(said.contains(" is damaged: "), "{behaviour}: {said}");
    let doctor = hostile.site.run(&["doctor"]);
    assert!(!doctor.status.success(), "{behaviour}: doctor names it");
    assert_eq!(held(&hostile).stdout, before, "{behaviour}: the ref is left as it is until somebody asks");

    hostile.site.ok(&["doctor", "--repair"]);
    assert_eq!(hostile.site.story(), ["launch: one builder (launch 1, claimed)"]);
    let (answer, _, said) = hostile.once();
    assert_eq!(hostile.judged().1, "BUILDER_COMPLETE", "{answer}{said}");
    hostile.is_over();
    hostile.repository_is_untouched();
}

#[test]
fn it_adds_to_the_ledger_what_the_rules_do_not_make() {
    is_not_gone_on_with(
        "rewrites_ledger",
        &["refs/millrace/state was given commit ", " while a stage ran, which the rules do not make: "],
    );
}

#[test]
fn it_replaces_the_ledger() {
    is_not_gone_on_with(
        "replaces_ledger",
        &["refs/millrace/state holds ", ", which does not follow ", ", where it stood when a stage began"],
    );
}

#[test]
fn it_rewinds_the_ledger() {
    is_not_gone_on_with(
        "rewinds_ledger",
        &["refs/millrace/state holds ", ", which does not follow ", ", where it stood when a stage began"],
    );
}

#[test]
fn it_deletes_the_ledger() {
    is_not_gone_on_with(
        "deletes_ledger",
        &["refs/millrace/state is gone; it stood at ", " when a stage began"],
    );
    // Nor does another command begin a new one in its place.
    let mut hostile = Hostile::new("deletes_ledger", "");
    hostile.once();
    let document = hostile.site.repo.beside().join("one.md");
    let output = hostile.site.run(&["queue", "add-task", &document.display().to_string()]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("it is gone; it stood at "), "{said}");
    assert!(
        hostile
            .site
            .repo
            .git_output(&["rev-parse", "-q", "--verify", "refs/millrace/state"])
            .stdout
            .is_empty()
    );
}

#[test]
fn it_writes_nonsense_into_the_ledgers_ref() {
    is_not_gone_on_with("garbles_ledger", &["refs/millrace/state is damaged: its file holds `no oid at all"]);
}

/// A run branch is put back to the commit that the ledger names, and only then gone on with.
#[test]
fn it_moves_its_run_branch() {
    let mut hostile = Hostile::new("moves_run_branch", "");
    let (_, well, said) = hostile.once();
    assert!(!well && said.contains(" moved: expected "), "{said}");
    hostile.once();
    assert_eq!(hostile.judged().1, "BUILDER_COMPLETE");
    let branch = hostile.site.run_branch();
    let snapshots = hostile.site.snapshots(&branch);
    assert_eq!(snapshots[..2], ["start: one", "builder: BUILDER_COMPLETE"], "{snapshots:?}");
    hostile.is_over();
    hostile.repository_is_untouched();
}
