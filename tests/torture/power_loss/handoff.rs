//! Power loss at every point of one `run once`: claim, snapshot, launch, stage, snapshot, handoff.

use super::recording::record;
use super::replay::{assert_followed, outages, repository};
use crate::project::{add, millrace, program, project, states, succeeds};
use crate::size::Proof;
use crate::soundness::{millrace_goes_on, users_git_works};
use crate::strace::needed;

/// After every so many outages all work is done to its end; after the others one transition is made.
const WORKED_ON: usize = 6;

#[test]
fn power_lost_at_any_point_of_a_launch_and_a_handoff() {
    needed();
    let proof = Proof::begin("power loss: launch and handoff");
    let repo = project();
    add(&repo, "wanted");
    let recording = record(&repo, &[program(), "run", "once"]);
    assert_followed(&recording);
    let handed_off = repo.git(&["rev-parse", "refs/millrace/state"]);
    let mut chance = proof.chance();
    let all = outages(&recording, &mut chance, proof.size(1, 2));
    let possible = all.len();
    let (mut tried, mut there) = (0, 0);
    for outage in chance.some(all, proof.size(10, usize::MAX)) {
        let repo = repository(&outage);
        users_git_works(&repo, &outage.when);
        let reached = repo.git(&["rev-parse", "refs/millrace/state"]) == handed_off;
        assert!(reached || !outage.acknowledged, "{}: acknowledged and lost", outage.when);
        if tried % WORKED_ON == 0 {
            succeeds(millrace(&repo, &["run", "daemon", "--until-idle"]));
            assert_eq!(states(&repo, "wanted"), ["done"], "{}", outage.when);
        }
        millrace_goes_on(&repo, &outage.when);
        tried += 1;
        there += usize::from(reached);
    }
    assert!(there > 0 && there < tried, "before and after the handoff: {there} of {tried}");
    proof.end(&format!("{tried} of {possible} disks, {there} with the handoff"));
}
