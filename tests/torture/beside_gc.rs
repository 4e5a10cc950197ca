//! The user's git packs and prunes in a loop while transitions are made: nothing is lost, and gix reads what git reads.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use millrace::domain::view::View as _;
use millrace::ledger::git::{Durability, GitStore};
use millrace::ledger::store::{RefName, Store as _};
use millrace::ledger::transact::read_commit;
use millrace::ledger::tree::Trees;
use millrace::ledger::view::TreeView;

use super::project::{add, ledger_paths, program, project, said, succeeds, task};
use super::size::Proof;
use super::soundness::{MAX_PACKS, fsck, linear, nothing_is_left, packs, users_git_works, verified};
use super::strace::{needed, traced};

use crate::repo::TestRepo;

const PACKING: [&[&str]; 4] = [
    &["gc", "--quiet", "--prune=now"],
    &["repack", "-adb", "--quiet"],
    &["pack-refs", "--all"],
    &["maintenance", "run", "--quiet", "--task=incremental-repack"],
];

/// Queues a task with a rest between the writing of the objects and the moving of the ref (where the ref's lock is linked):
/// time for a gc to come between.
fn add_slowly(repo: &TestRepo, id: &str) {
    let document = task(repo, id);
    let rest = ["-e", "trace=linkat", "-e", "inject=linkat:delay_enter=60000"];
    succeeds(traced(repo, &rest, Path::new("/dev/null"), &[program(), "queue", "add-task", &document]));
}

#[test]
fn transitions_beside_gc_repack_and_maintenance() {
    needed();
    let proof = Proof::begin("gc, repack, pack-refs, maintenance beside transitions");
    let transitions = proof.size(120, 500);
    let repo = project();
    let before = linear(&repo);
    // A reader that stays open through all of it.
    let reader = GitStore::open(&repo.git_dir(), Durability::Strict).expect("a store");
    let stop = AtomicBool::new(false);
    let (rounds, worst) = std::thread::scope(|scope| {
        let packer = scope.spawn(|| {
            let mut rounds = [0; PACKING.len()];
            while !stop.load(Ordering::Relaxed) {
                for (args, count) in PACKING.iter().zip(&mut rounds) {
                    let output = repo.git_output(args);
                    assert!(output.status.success(), "git {args:?} beside us: {}", said(&output));
                    *count += 1;
                }
            }
            rounds
        });
        let mut worst = 0;
        let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for n in 0..transitions {
                let id = format!("task-{n}");
                if n % 3 == 0 {
                    add_slowly(&repo, &id);
                } else {
                    add(&repo, &id);
                }
                let (ours, _) = packs(&repo);
                worst = ours.max(worst);
                let tip = reader.resolve(&RefName::State).expect("a ref").expect("a tip");
                assert_eq!(tip.to_string(), repo.git(&["rev-parse", "refs/millrace/state"]), "after {n}");
                let commit = read_commit(&reader, tip).expect("the tip");
                let trees = Trees::new(&reader);
                let control = TreeView::new(&trees, Some(commit.tree)).control().expect("the tip's tree");
                assert!(control.plan.is_some());
            }
        }));
        stop.store(true, Ordering::Relaxed);
        let rounds = packer.join();
        if let Err(panic) = made {
            std::panic::resume_unwind(panic);
        }
        (rounds.unwrap_or_else(|panic| std::panic::resume_unwind(panic)), worst)
    });
    assert!(rounds.iter().all(|count| *count > 0), "each ran at least once: {rounds:?}");
    assert_eq!(linear(&repo) - before, transitions);
    let paths = ledger_paths(&repo);
    for n in 0..transitions {
        let name = format!(".task-{n}.md");
        assert!(paths.iter().any(|path| path.ends_with(&name)), "{name}");
    }
    assert!(worst <= MAX_PACKS, "{worst} packs of ours");
    nothing_is_left(&repo, "afterwards");
    fsck(&repo, "afterwards");
    users_git_works(&repo, "afterwards");
    verified(&repo, "afterwards");
    proof.end(&format!("{transitions} transitions, {rounds:?} rounds; at most {worst} packs of ours"));
}
