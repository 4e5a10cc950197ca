//! The ledger's commits at the points of a run.

use std::collections::BTreeMap;

use crate::cli::failure::Failure;
use crate::cli::handoffs::{At, Handoffs, Point};
use crate::cli::trailers;
use crate::domain::oid::Oid;
use crate::domain::transition::decision::Effect;
use crate::domain::view::Fault;
use crate::ledger::commit::Commit;
use crate::ledger::history::{commits, step};
use crate::runtime::project::Project;

/// Which commits of the ledger launched and ended the launches of a run.
pub(super) struct States {
    /// By number of the launch: the commit before it, and the one that it was handed off with.
    launches: BTreeMap<u32, (Option<Oid>, Option<Oid>)>,
    /// The last commit about the run, or the tip while it is active.
    end: Option<Oid>,
}

impl States {
    /// Goes back from the tip to the run's first launch.
    pub(super) fn of(project: &Project, handoffs: &Handoffs) -> Result<Self, Failure> {
        let run = handoffs.record.run.as_str();
        let opened = handoffs.record.opened_at.as_second();
        let mut states = Self { launches: BTreeMap::new(), end: None };
        let trees = project.trees();
        let tip = project.tip()?.map(|(tip, _)| tip);
        for read in commits(&project.store, tip) {
            let (oid, commit) = read?;
            // Dates never run backwards: nothing older is about the run.
            if commit.second < opened {
                break;
            }
            if trailers::value(&commit.message, "Run") != Some(run) {
                continue;
            }
            states.end = states.end.or(Some(oid));
            let transition = step(&project.store, &trees, oid)?.transition;
            for effect in &transition.decision.effects {
                states.note(oid, &commit, effect);
            }
            if states.launches.get(&1).is_some_and(|(before, _)| before.is_some()) {
                break;
            }
        }
        if handoffs.active.is_some() {
            states.end = tip;
        }
        Ok(states)
    }

    fn note(&mut self, oid: Oid, commit: &Commit, effect: &Effect) {
        match effect {
            Effect::Launch { launch, .. } => {
                self.launches.entry(launch.number).or_default().0 = commit.parents.first().copied();
            }
            Effect::Conclude { result, .. } => self.launches.entry(result.launch).or_default().1 = Some(oid),
            _ => {}
        }
    }

    /// The commit of a point.
    pub(super) fn at(&self, handoffs: &Handoffs, point: Point) -> Result<At, Failure> {
        let named = handoffs.at(point).point;
        let commit = match point {
            Point::Start => self.launches.get(&1).and_then(|(before, _)| *before),
            Point::Before(number) => self.launches.get(&number).and_then(|(before, _)| *before),
            // A launch that is under way: what there is by now.
            Point::After(number) => self.launches.get(&number).and_then(|(_, after)| *after).or(self.end),
            Point::End => self.end,
        };
        let commit = commit.ok_or_else(|| Fault {
            at: format!("run {}", handoffs.record.run),
            detail: format!("no commit of the ledger tells of it {named}"),
        })?;
        Ok(At { point: named, commit })
    }
}
