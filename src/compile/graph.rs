//! From a loop as it is written to a graph that can be run: every name known, every report with exactly one edge,
//! every stage reachable, an end in reach from everywhere.

use std::collections::{BTreeMap, BTreeSet};

use super::diagnostics::Problems;
use super::loops::{WrittenCompletion, WrittenEdge, WrittenLoop};
use super::sheet::{Field, meant};
use super::stage_kind::StageKind;
use crate::domain::ids::{FailureClass, LoopId, ResultName, StageName};
use crate::domain::item::ItemKind;
use crate::domain::plan::{Completion, Edge, Ending, Loop, Plane, Target};

/// The kinds of a loop's stages.
pub(super) type Kinds = BTreeMap<StageName, StageKind>;

/// Makes a loop's graph; `None` where it cannot be run, which is noted. `kinds` holds the kind of each of its stages
/// that could be read.
pub(super) fn graph(
    written: &WrittenLoop<'_>,
    id: &LoopId,
    kinds: &Kinds,
    problems: &Problems,
) -> Option<(Loop, Option<Completion>)> {
    let before = problems.count();
    let check = Check { written, kinds, stages: written.stages.iter().map(|stage| &stage.value).collect() };
    check.names();
    check.edges();
    check.counters();
    if let Some(completion) = &written.completion {
        check.completion(completion);
    }
    // A loop with a wrong name in it would also be called unreachable and endless.
    let known = check.stages.iter().all(|stage| check.kind(stage).is_some());
    if !written.whole || !known || problems.count() > before {
        return None;
    }
    check.reachable();
    check.ends();
    (problems.count() == before)
        .then(|| (check.made(id), written.completion.as_ref().map(|it| it.value.clone())))
}

struct Check<'c, 's> {
    written: &'c WrittenLoop<'s>,
    kinds: &'c Kinds,
    stages: Vec<&'c StageName>,
}

impl<'c, 's> Check<'c, 's> {
    /// The kind of a stage of this plane.
    fn kind(&self, stage: &StageName) -> Option<&'c StageKind> {
        self.kinds.get(stage).filter(|kind| kind.plane == self.written.plane)
    }

    /// Refuses a stage that the loop does not have.
    fn known(&self, stage: &StageName, field: &Field<'_>) -> bool {
        let known = self.stages.contains(&stage);
        if !known {
            let names: Vec<&str> = self.stages.iter().map(|stage| stage.as_str()).collect();
            field.refuse(format!("the loop has no stage `{stage}`"), meant(stage.as_str(), &names));
        }
        known
    }

    fn names(&self) {
        let mut seen = BTreeSet::new();
        for stage in &self.written.stages {
            if !seen.insert(&stage.value) {
                stage.field.refuse(format!("`{}` is listed twice", stage.value), "each stage once");
            }
        }
        for (_, stage) in &self.written.entry {
            self.known(&stage.value, &stage.field);
        }
        for rung in &self.written.repair {
            let stage = &rung.value.stage;
            if self.known(stage, &rung.field) && self.kind(stage).is_some_and(|kind| !kind.repair) {
                rung.field.refuse(
                    format!("`{stage}` is no repair stage"),
                    "a stage whose kind says `repair: true`, since it is told of the failure",
                );
            }
        }
    }

    fn edges(&self) {
        let mut taken: BTreeMap<(&StageName, &ResultName), &WrittenEdge<'_>> = BTreeMap::new();
        // Stages with a wrong edge, and results of edges from wrong stages: the report that such an edge was meant for
        // would only be called missing.
        let mut doubtful: BTreeSet<&StageName> = BTreeSet::new();
        let mut adrift: BTreeSet<&ResultName> = BTreeSet::new();
        for edge in &self.written.edges {
            self.target(edge);
            for from in &edge.from {
                if !self.known(&from.value, &from.field) {
                    adrift.insert(&edge.on.value);
                    continue;
                }
                let stage = &from.value;
                if let Some(kind) = self.kind(stage)
                    && !kind.results.contains_key(&edge.on.value)
                {
                    let legal: Vec<&str> = kind.results.keys().map(ResultName::as_str).collect();
                    let problem = format!("`{stage}` never reports `{}`", edge.on.value);
                    edge.on.field.refuse(problem, meant(edge.on.value.as_str(), &legal));
                    doubtful.insert(stage);
                    continue;
                }
                match taken.get(&(stage, &edge.on.value)) {
                    Some(first) => from.field.refuse(
                        format!(
                            "`{stage}` has an edge on `{}` already, at line {}",
                            edge.on.value,
                            first.on.field.line()
                        ),
                        "one edge for each report",
                    ),
                    None => {
                        taken.insert((stage, &edge.on.value), edge);
                    }
                }
            }
        }
        if !self.written.whole {
            return;
        }
        for stage in &self.written.stages {
            let Some(kind) = self.kind(&stage.value) else { continue };
            if doubtful.contains(&stage.value) {
                continue;
            }
            let missing = |result: &&ResultName| {
                !taken.contains_key(&(&stage.value, *result)) && !adrift.contains(*result)
            };
            for result in kind.results.keys().filter(missing) {
                stage.field.refuse(
                    format!("`{}` may report `{result}`, and no edge takes it", stage.value),
                    format!("an edge `from: {}`, `on: {result}`", stage.value),
                );
            }
        }
    }

    fn target(&self, edge: &WrittenEdge<'_>) {
        let ladder = !self.written.repair.is_empty();
        match &edge.to.value {
            Target::Stage(stage) => {
                self.known(stage, &edge.to.field);
            }
            Target::Repair if !ladder => {
                edge.to
                    .field
                    .refuse("the loop has no repair rungs", "`end: blocked`, or rungs under `repair`");
            }
            Target::Resume => {
                for from in &edge.from {
                    if self.kind(&from.value).is_some_and(|kind| !kind.repair) {
                        edge.to.field.refuse(
                            format!("`{}` is no repair stage, so there is nothing to resume", from.value),
                            "`to: <stage>`",
                        );
                    }
                }
            }
            Target::Repair | Target::End(_) => {}
        }
        if let Some(bound) = &edge.bound {
            if !matches!(edge.to.value, Target::Stage(_)) {
                bound.field.refuse("only an edge `to` a stage can be bounded", "no `bound` here");
            } else if !ladder {
                bound.field.refuse(
                    "the loop has no repair rungs for what exhausts the bound",
                    "rungs under `repair`",
                );
            }
        }
    }

    /// A counter means one thing: edges that share one share its bound, and a rung shares it with nobody.
    fn counters(&self) {
        let mut bounds: BTreeMap<&FailureClass, (u32, &FailureClass)> = BTreeMap::new();
        for bound in self.written.edges.iter().filter_map(|edge| edge.bound.as_ref()) {
            let said = (bound.value.at_most, &bound.value.exhausted);
            if *bounds.entry(&bound.value.counter).or_insert(said) != said {
                bound.field.refuse(
                    format!("the counter `{}` has another bound elsewhere", bound.value.counter),
                    "the same `at_most` and `exhausted`, or another counter",
                );
            }
        }
        let mut rungs = BTreeSet::new();
        for rung in &self.written.repair {
            let counter = &rung.value.counter;
            if bounds.contains_key(counter) || !rungs.insert(counter) {
                rung.field.refuse(
                    format!("the counter `{counter}` counts something else already"),
                    "a counter of its own",
                );
            }
        }
    }

    fn completion(&self, completion: &WrittenCompletion<'_>) {
        let Completion { stage, on_pass, on_gap, .. } = &completion.value;
        let at = |key: &str| completion.field.get(key).unwrap_or_else(|| completion.field.clone());
        if self.written.plane != Plane::Planning {
            completion.field.refuse("a root is judged in planning", "`completion` in the planning loop");
            return;
        }
        if !self.known(stage, &at("stage")) {
            return;
        }
        for edge in self.leaving(stage).filter(|edge| !matches!(edge.to.value, Target::End(_))) {
            edge.to.field.refuse(
                format!("`{stage}` judges roots, and its report does not end the run"),
                "`end: done`, `end: needs_planning` or `end: blocked`",
            );
        }
        let ends = |result: &ResultName, ending: Ending| {
            self.leaving(stage)
                .find(|edge| &edge.on.value == result)
                .filter(|edge| matches!(&edge.to.value, Target::End(found) if *found != ending))
        };
        for (result, ending) in [(on_pass, Ending::Done), (on_gap, Ending::NeedsPlanning)] {
            if let Some(edge) = ends(result, ending) {
                edge.to.field.refuse(
                    format!("`{result}` of `{stage}` does not end `{}`", ending.as_str()),
                    format!("`end: {}`", ending.as_str()),
                );
            }
        }
        if let Some(kind) = self.kind(stage) {
            let legal: Vec<&str> = kind.results.keys().map(ResultName::as_str).collect();
            for (key, result) in [("on_pass", on_pass), ("on_gap", on_gap)] {
                if !kind.results.contains_key(result) {
                    at(key).refuse(
                        format!("`{stage}` never reports `{result}`"),
                        meant(result.as_str(), &legal),
                    );
                }
            }
        }
        if on_pass == on_gap {
            at("on_gap").refuse(format!("`{on_gap}` is `on_pass` too"), "two different results");
        }
    }

    /// Where an edge may lead, as a walk sees it. A repair leads to its rungs, a resumption to wherever a repair can
    /// come from; that a ladder is used up is no way that a graph may rest on.
    fn next(&self, edge: &'c WrittenEdge<'s>) -> Vec<&'c StageName> {
        match &edge.to.value {
            Target::Stage(stage) => {
                let rungs = edge.bound.iter().flat_map(|_| self.rungs());
                std::iter::once(stage).chain(rungs).collect()
            }
            Target::Repair => self.rungs().collect(),
            Target::Resume => self.repairable(),
            Target::End(_) => Vec::new(),
        }
    }

    fn rungs(&self) -> impl Iterator<Item = &'c StageName> {
        self.written.repair.iter().map(|rung| &rung.value.stage)
    }

    /// Stages that can be under repair.
    fn repairable(&self) -> Vec<&'c StageName> {
        let repairs = |edge: &&WrittenEdge<'_>| edge.to.value == Target::Repair || edge.bound.is_some();
        let edges = self.written.edges.iter().filter(repairs);
        edges.flat_map(|edge| edge.from.iter().map(|from| &from.value)).collect()
    }

    fn leaving(&self, stage: &StageName) -> impl Iterator<Item = &'c WrittenEdge<'s>> {
        self.written.edges.iter().filter(move |edge| edge.from.iter().any(|from| &from.value == stage))
    }

    fn reachable(&self) {
        let judge = self.written.completion.as_ref().map(|completion| &completion.value.stage);
        let entries = self.written.entry.iter().map(|(_, stage)| &stage.value);
        let mut open: Vec<&StageName> = entries.chain(judge).collect();
        let mut reached: BTreeSet<&StageName> = BTreeSet::new();
        while let Some(stage) = open.pop() {
            if reached.insert(stage) {
                // A resumption leads back to where the run has been, so it reaches nothing new.
                let onward = self.leaving(stage).filter(|edge| edge.to.value != Target::Resume);
                open.extend(onward.flat_map(|edge| self.next(edge)));
            }
        }
        for stage in &self.written.stages {
            if !reached.contains(&stage.value) {
                stage.field.refuse(
                    format!("nothing leads to `{}`", stage.value),
                    "an edge, an entry or a rung that does, or the stage left out",
                );
            }
        }
    }

    /// Stages from which an end that `wanted` takes is in reach.
    fn reaching(&self, wanted: impl Fn(Ending) -> bool) -> BTreeSet<&'c StageName> {
        let mut reaching: BTreeSet<&StageName> = BTreeSet::new();
        loop {
            let more: Vec<&StageName> = self
                .stages
                .iter()
                .copied()
                .filter(|stage| !reaching.contains(stage))
                .filter(|stage| {
                    self.leaving(stage).any(|edge| match &edge.to.value {
                        Target::End(ending) => wanted(*ending),
                        _ => self.next(edge).iter().any(|next| reaching.contains(next)),
                    })
                })
                .collect();
            if more.is_empty() {
                return reaching;
            }
            reaching.extend(more);
        }
    }

    fn ends(&self) {
        let ending = self.reaching(|_| true);
        for stage in self.written.stages.iter().filter(|stage| !ending.contains(&stage.value)) {
            stage.field.refuse(
                format!("no way leads from `{}` to an end", stage.value),
                "an edge with `end` that it can come to",
            );
        }
        let done = self.reaching(|ending| ending == Ending::Done);
        for (kind, stage) in &self.written.entry {
            if ending.contains(&stage.value) && !done.contains(&stage.value) {
                stage.field.refuse(
                    format!(
                        "no way leads from `{}` to `end: done`, so no {kind} is ever finished",
                        stage.value
                    ),
                    "an edge with `end: done` that it can come to",
                );
            }
        }
    }

    /// The graph, its edges in the order of its stages.
    fn made(&self, id: &LoopId) -> Loop {
        let mut edges = Vec::new();
        for stage in &self.stages {
            for edge in self.leaving(stage) {
                edges.push(Edge {
                    from: (*stage).clone(),
                    on: edge.on.value.clone(),
                    to: edge.to.value.clone(),
                    bound: edge.bound.as_ref().map(|bound| bound.value.clone()),
                });
            }
        }
        let entry: BTreeMap<ItemKind, StageName> =
            self.written.entry.iter().map(|(kind, stage)| (*kind, stage.value.clone())).collect();
        let repair = self.written.repair.iter().map(|rung| rung.value.clone()).collect();
        Loop { id: id.clone(), entry, repair, edges }
    }
}
