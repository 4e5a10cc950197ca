//! Power loss at every point of one `queue add-task`.

use super::recording::record;
use super::replay::{assert_followed, outages, repository};
use crate::project::{add, program, project, states, task};
use crate::size::Proof;
use crate::soundness::{millrace_goes_on, users_git_works};
use crate::strace::needed;

#[test]
fn power_lost_at_any_point_of_an_intake() {
    needed();
    let proof = Proof::begin("power loss: queue add-task");
    let repo = project();
    add(&repo, "first");
    task(&repo, "wanted");
    let recording = record(&repo, &[program(), "queue", "add-task", "../documents/wanted.md"]);
    assert_followed(&recording);
    assert_eq!(states(&repo, "wanted"), ["queued"]);
    let mut chance = proof.chance();
    let all = outages(&recording, &mut chance, proof.size(1, 4));
    let possible = all.len();
    let (mut tried, mut there) = (0, 0);
    for outage in chance.some(all, proof.size(12, usize::MAX)) {
        let repo = repository(&outage);
        users_git_works(&repo, &outage.when);
        let found = states(&repo, "wanted").len();
        assert!(found <= 1 && (found == 1 || !outage.acknowledged), "{}: acknowledged and lost", outage.when);
        millrace_goes_on(&repo, &outage.when);
        tried += 1;
        there += found;
    }
    assert!(there > 0 && there < tried, "both sides of the swap: {there} of {tried}");
    proof.end(&format!("{tried} of {possible} disks, {there} with the task"));
}
