//! Many processes that write at once: all is taken in, one after the other, and nobody is refused.

use std::sync::Mutex;

use super::project::{millrace, project, said, states, task};
use super::size::Proof;
use super::soundness::{MAX_PACKS, fsck, linear, nothing_is_left, packs, users_git_works, verified};

#[test]
fn many_processes_add_tasks_at_once() {
    let proof = Proof::begin("concurrent queue add-task");
    let (processes, each) = proof.size((8, 10), (16, 50));
    let repo = project();
    let before = linear(&repo);
    let worst = Mutex::new(0);
    let refused = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for process in 0..processes {
            let (repo, worst, refused) = (&repo, &worst, &refused);
            scope.spawn(move || {
                for n in 0..each {
                    let document = task(repo, &format!("task-{process}-{n}"));
                    let output = millrace(repo, &["queue", "add-task", &document]).output().expect("it runs");
                    if !output.status.success() {
                        refused.lock().expect("a list").push(said(&output));
                    }
                    let (ours, _) = packs(repo);
                    let mut worst = worst.lock().expect("a number");
                    *worst = ours.max(*worst);
                }
            });
        }
    });
    let refused = refused.into_inner().expect("a list");
    assert!(refused.is_empty(), "{} refused: {}", refused.len(), refused[0]);
    assert_eq!(linear(&repo) - before, processes * each, "one transition each");
    let paths = super::project::ledger_paths(&repo);
    for process in 0..processes {
        for n in 0..each {
            let name = format!(".task-{process}-{n}.md");
            assert_eq!(paths.iter().filter(|path| path.ends_with(&name)).count(), 1, "{name}");
        }
    }
    assert_eq!(states(&repo, "task-0-0"), ["queued"]);
    let worst = worst.into_inner().expect("a number");
    let (ours, there) = packs(&repo);
    assert!(worst <= MAX_PACKS && there <= MAX_PACKS, "{worst} packs, at the end {ours} of {there}");
    nothing_is_left(&repo, "afterwards");
    fsck(&repo, "afterwards");
    users_git_works(&repo, "afterwards");
    verified(&repo, "afterwards");
    proof.end(&format!(
        "{processes} x {each}: all there, linear; at most {worst} packs of ours, {there} at the end"
    ));
}
