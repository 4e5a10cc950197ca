//! A plan as a person reads it: who does each stage, with what, where each report leads; and, for one that was just
//! compiled, where each of these comes from.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::page::Page;
use super::spending::limits;
use crate::compile::{Compiled, Origin, Origins, StageOrigins, TextOrigin};
use crate::domain::ids::{
    EvidenceName, FailureClass, LoopId, ModeId, PlanId, ResultName, RunnerName, StageName,
};
use crate::domain::permission::PermissionLevel;
use crate::domain::plan::{Bound, Completion, Loop, Per, Plan, PlanLimits, Plane, Rung, StageRef, Target};
use crate::domain::result::ResultClass;
use crate::format::config::{Config, NOBODY, Runner};

/// A plan with everything that governs a run by it.
#[derive(Debug, Serialize)]
pub(crate) struct PlanPage {
    plan: PlanId,
    mode: ModeId,
    execution: LoopView,
    planning: LoopView,
    completion: Option<CompletionView>,
    limits: PlanLimits,
    runners: BTreeMap<RunnerName, RunnerView>,
    stages: Vec<StageView>,
    /// Where each part comes from; a frozen plan does not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    origins: Option<Origins>,
}

#[derive(Debug, Serialize)]
struct LoopView {
    id: LoopId,
    /// By kind of item, the stage where it starts.
    entry: BTreeMap<String, StageName>,
    /// The rungs of repair, the first one first.
    repair: Vec<RungView>,
}

#[derive(Debug, Serialize)]
struct RungView {
    stage: StageName,
    counter: FailureClass,
    at_most: u32,
    per: Per,
}

/// How a drained root is judged: every field of the contract, also those that have one value only.
#[derive(Debug, Serialize)]
struct CompletionView {
    trigger: &'static str,
    readiness_rule: &'static str,
    stage: StageName,
    request_kind: &'static str,
    target_selector: &'static str,
    rubric_policy: &'static str,
    blocked_work_policy: &'static str,
    skip_if_already_closed: bool,
    on_pass_terminal_result: ResultName,
    on_gap_terminal_result: ResultName,
    create_incident_on_gap: bool,
}

/// What is executed for a runner.
#[derive(Debug, Serialize)]
struct RunnerView {
    /// The shipped contract that it started from.
    kind: &'static str,
    /// The command line: what each call has is a variable in braces, what may be left out stands in brackets.
    command: Vec<String>,
    /// What each level that a stage of the plan has means: its arguments, and who holds a stage to it.
    levels: BTreeMap<PermissionLevel, LevelView>,
    /// Names of variables that are set for it.
    sets: Vec<String>,
    /// Names of variables that are passed on to it.
    passes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct LevelView {
    arguments: String,
    /// None: nobody does.
    enforced_by: Option<String>,
}

impl LevelView {
    fn of(runner: &Runner, level: PermissionLevel) -> Self {
        Self {
            arguments: runner.level_in_words(level),
            enforced_by: runner.enforcer(level).map(str::to_owned),
        }
    }

    fn text(&self) -> String {
        format!("{}; {}", self.arguments, enforced(self.enforced_by.as_deref()))
    }
}

/// Who holds a stage to its level.
fn enforced(by: Option<&str>) -> String {
    format!("enforced by {}", by.unwrap_or(NOBODY))
}

#[derive(Debug, Serialize)]
struct StageView {
    stage: StageRef,
    repair: bool,
    results: Vec<ResultView>,
    /// The files that it is asked to leave, each with the results that it is wanted with.
    evidence: BTreeMap<EvidenceName, BTreeSet<ResultName>>,
    entrypoint: String,
    required_skills: Vec<String>,
    added_skills: Vec<String>,
    runner: RunnerName,
    model: Option<String>,
    timeout_seconds: u64,
    silence_seconds: Option<u64>,
    permission: PermissionLevel,
    /// Who holds the stage to its level; none: nobody does.
    enforced_by: Option<String>,
}

#[derive(Debug, Serialize)]
struct ResultView {
    result: ResultName,
    class: ResultClass,
    to: Option<Target>,
    bound: Option<Bound>,
}

impl PlanPage {
    /// A plan that was just compiled.
    pub(crate) fn compiled(compiled: Compiled) -> Self {
        let Compiled { id, plan, config, origins, .. } = compiled;
        let mut page = Self::frozen(id, &plan, &config);
        page.origins = Some(origins);
        page
    }

    /// A plan with the configuration that was frozen with it.
    pub(crate) fn frozen(id: PlanId, plan: &Plan, config: &Config) -> Self {
        let used = |name: &RunnerName| plan.stages.values().any(|stage| &stage.runner == name);
        let runners = config.runners.tables.iter().filter(|(name, _)| used(name));
        let stages = plan.stages.keys().filter_map(|name| StageView::of(plan, name, config));
        let mut stages: Vec<StageView> = stages.collect();
        // In the order in which a run comes to them, as far as the graph has one.
        let order = [Plane::Execution, Plane::Planning].map(|plane| walk(plan, plan.graph(plane)));
        let order: Vec<&StageName> = order.into_iter().flatten().collect();
        stages.sort_by_key(|view| order.iter().position(|name| **name == view.stage.stage));
        Self {
            plan: id,
            mode: plan.mode.clone(),
            execution: LoopView::of(&plan.execution),
            planning: LoopView::of(&plan.planning),
            completion: plan.completion.as_ref().map(CompletionView::of),
            limits: plan.limits.clone(),
            runners: runners
                .map(|(name, runner)| (name.clone(), RunnerView::of(plan, name, runner)))
                .collect(),
            stages,
            origins: None,
        }
    }

    pub(crate) fn plan(&self) -> &PlanId {
        &self.plan
    }

    /// What is executed, and with which rights.
    pub(crate) fn runners_text(&self, page: &mut Page) {
        for (name, runner) in &self.runners {
            let mut levels: BTreeMap<PermissionLevel, Vec<&str>> = BTreeMap::new();
            for stage in self.stages.iter().filter(|stage| &stage.runner == name) {
                levels.entry(stage.permission).or_default().push(stage.stage.stage.as_str());
            }
            let mut rows = runner.rows();
            rows.extend(levels.iter().map(|(level, stages)| {
                let means = runner.levels.get(level).map(LevelView::text).unwrap_or_default();
                row(level.as_str(), &format!("{means}: {}", stages.join(", ")), None)
            }));
            page.gap();
            page.line(format!("runner {name}"));
            page.indented("  ", &rows);
        }
    }

    /// The page; `standing` says how the plan stands here.
    pub(crate) fn text(&self, page: &mut Page, standing: &str) {
        let origins = self.origins.as_ref();
        let mode = origins.map(|from| format!("{}, chosen by {}", from.mode, from.chosen));
        let file = |pick: fn(&Origins) -> &Origin| origins.map(|from| pick(from).to_string());
        page.table(&[
            vec!["plan".to_owned(), self.plan.to_string(), standing.to_owned()],
            row("mode", &self.mode, mode),
            row("execution loop", &self.execution.id, file(|from| &from.execution)),
            row("planning loop", &self.planning.id, file(|from| &from.planning)),
            row("max_launches_per_item", &self.limits.max_launches_per_item, None),
            row("max_interruptions", &self.limits.max_interruptions, None),
            row("max_rejected_handoffs", &self.limits.max_rejected_handoffs, None),
            row("max_remediation_rounds", &self.limits.max_remediation_rounds, None),
            row("max_open_roots", &self.limits.max_open_roots, None),
        ]);
        page.table(&limits(&self.limits.budget));
        self.execution.text(page, Plane::Execution);
        self.planning.text(page, Plane::Planning);
        if let Some(completion) = &self.completion {
            completion.text(page);
        }
        self.runners_text(page);
        for stage in &self.stages {
            let origins = origins.and_then(|from| from.stages.get(&stage.stage.stage));
            page.gap();
            let repair = if stage.repair { "  repair stage" } else { "" };
            page.line(format!("{}{repair}", stage.stage));
            page.indented("  ", &stage.rows(origins));
        }
    }
}

/// A name, its value, and where that comes from.
fn row(name: &str, value: &impl ToString, from: Option<String>) -> Vec<String> {
    vec![name.to_owned(), value.to_string(), from.unwrap_or_default()]
}

/// The stages of a graph: from each entry along its edges, then the rungs, then whatever is left.
fn walk<'p>(plan: &'p Plan, graph: &'p Loop) -> Vec<&'p StageName> {
    let mut seen: Vec<&StageName> = Vec::new();
    let mut todo: Vec<&StageName> = graph.entry.values().rev().collect();
    while let Some(stage) = todo.pop() {
        if seen.contains(&stage) {
            continue;
        }
        seen.push(stage);
        let next = graph.edges.iter().filter(|edge| &edge.from == stage).filter_map(|edge| match &edge.to {
            Target::Stage(to) => Some(to),
            Target::Resume | Target::Repair | Target::End(_) => None,
        });
        let mut next: Vec<&StageName> = next.collect();
        next.reverse();
        todo.extend(next);
    }
    let rungs = graph.repair.iter().map(|rung| &rung.stage);
    let rest = plan.stages.keys().filter(|name| graph.edges.iter().any(|edge| &edge.from == *name));
    for stage in rungs.chain(rest) {
        if !seen.contains(&stage) {
            seen.push(stage);
        }
    }
    seen
}

impl LoopView {
    fn of(graph: &Loop) -> Self {
        let rung = |rung: &Rung| RungView {
            stage: rung.stage.clone(),
            counter: rung.counter.clone(),
            at_most: rung.at_most,
            per: rung.per,
        };
        Self {
            id: graph.id.clone(),
            entry: graph.entry.iter().map(|(kind, stage)| (kind.to_string(), stage.clone())).collect(),
            repair: graph.repair.iter().map(rung).collect(),
        }
    }

    fn text(&self, page: &mut Page, plane: Plane) {
        page.gap();
        page.line(format!("{plane}: {}", self.id));
        let mut rows: Vec<Vec<String>> =
            self.entry.iter().map(|(kind, stage)| row(&format!("{kind} starts at"), stage, None)).collect();
        for (number, rung) in self.repair.iter().enumerate() {
            let per = match rung.per {
                Per::Class => "failure class",
                Per::Item => "item",
            };
            let bound = format!("{} at most {} for each {per}", rung.counter, rung.at_most);
            rows.push(row(&format!("repair {}", number + 1), &rung.stage, Some(bound)));
        }
        page.indented("  ", &rows);
    }
}

impl CompletionView {
    fn of(completion: &Completion) -> Self {
        Self {
            trigger: "backlog_drained",
            readiness_rule: "no_open_lineage_work",
            stage: completion.stage.clone(),
            request_kind: "closure_target",
            target_selector: "active_closure_target",
            rubric_policy: "reuse_or_create",
            blocked_work_policy: "suppress",
            skip_if_already_closed: completion.skip_if_already_closed,
            on_pass_terminal_result: completion.on_pass.clone(),
            on_gap_terminal_result: completion.on_gap.clone(),
            create_incident_on_gap: completion.create_incident_on_gap,
        }
    }

    fn text(&self, page: &mut Page) {
        page.gap();
        page.line("completion");
        page.indented(
            "  ",
            &[
                row("trigger", &self.trigger, None),
                row("readiness_rule", &self.readiness_rule, None),
                row("stage", &self.stage, None),
                row("request_kind", &self.request_kind, None),
                row("target_selector", &self.target_selector, None),
                row("rubric_policy", &self.rubric_policy, None),
                row("blocked_work_policy", &self.blocked_work_policy, None),
                row("skip_if_already_closed", &self.skip_if_already_closed, None),
                row("on_pass_terminal_result", &self.on_pass_terminal_result, None),
                row("on_gap_terminal_result", &self.on_gap_terminal_result, None),
                row("create_incident_on_gap", &self.create_incident_on_gap, None),
            ],
        );
    }
}

impl RunnerView {
    fn of(plan: &Plan, name: &RunnerName, runner: &Runner) -> Self {
        let stages = plan.stages.values().filter(|stage| &stage.runner == name);
        Self {
            kind: runner.kind.as_str(),
            command: runner.command_line(),
            levels: stages.map(|stage| (stage.permission, LevelView::of(runner, stage.permission))).collect(),
            sets: runner.env.keys().cloned().collect(),
            passes: runner.env_needs.iter().chain(&runner.env_pass).cloned().collect(),
        }
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row("kind", &self.kind, None), row("command", &self.command.join(" "), None)];
        for (label, names) in [("sets", &self.sets), ("passes on", &self.passes)] {
            if !names.is_empty() {
                rows.push(row(label, &names.join(", "), None));
            }
        }
        rows
    }
}

impl StageView {
    fn of(plan: &Plan, name: &StageName, config: &Config) -> Option<Self> {
        let stage = plan.stages.get(name)?;
        let graph = plan.graph(stage.plane);
        let result = |(result, class): (&ResultName, &ResultClass)| {
            let edge = graph.edge(name, result);
            ResultView {
                result: result.clone(),
                class: *class,
                to: edge.map(|edge| edge.to.clone()),
                bound: edge.and_then(|edge| edge.bound.clone()),
            }
        };
        let mut results: Vec<ResultView> = stage.results.iter().map(result).collect();
        // The good end first, the failure last.
        results.sort_by_key(|view| match view.class {
            ResultClass::Success => 0,
            ResultClass::FollowupNeeded => 1,
            ResultClass::EscalatePlanning => 2,
            ResultClass::RecoverableFailure => 3,
            ResultClass::Blocked => 4,
        });
        let runner = config.runners.tables.get(&stage.runner);
        let (required, added) = stage.skills.split_at(stage.skills.len().min(1));
        Some(Self {
            stage: StageRef { plane: stage.plane, stage: name.clone() },
            repair: stage.repair,
            results,
            evidence: stage.asked().map(|(name, with)| (name.clone(), with.clone())).collect(),
            entrypoint: stage.entrypoint.clone(),
            required_skills: required.to_vec(),
            added_skills: added.to_vec(),
            runner: stage.runner.clone(),
            model: stage.model.clone(),
            timeout_seconds: stage.timeout_seconds,
            silence_seconds: stage.silence_seconds,
            permission: stage.permission,
            enforced_by: runner.and_then(|runner| runner.enforcer(stage.permission)).map(str::to_owned),
        })
    }

    fn rows(&self, origins: Option<&StageOrigins>) -> Vec<Vec<String>> {
        let from = |pick: fn(&StageOrigins) -> &Origin| origins.map(|origins| pick(origins).to_string());
        let mut rows: Vec<Vec<String>> = self.results.iter().map(ResultView::row).collect();
        if !self.evidence.is_empty() {
            let every = |with: &BTreeSet<ResultName>| with.len() == self.results.len();
            let files = self.evidence.iter().map(|(name, with)| {
                let with: Vec<&str> = with.iter().filter(|_| !every(with)).map(ResultName::as_str).collect();
                if with.is_empty() { name.to_string() } else { format!("{name} ({})", with.join(", ")) }
            });
            rows.push(row("evidence", &files.collect::<Vec<_>>().join(", "), from(|it| &it.kind)));
        }
        rows.push(row("entrypoint", &self.entrypoint, origins.map(|it| text_from(&it.entrypoint))));
        for skill in &self.required_skills {
            rows.push(row("required skill", skill, origins.map(|it| text_from(&it.required_skill))));
        }
        for skill in &self.added_skills {
            let said = origins.and_then(|it| it.added_skills.iter().find(|added| &added.path == skill));
            rows.push(row("added skill", skill, said.map(text_from)));
        }
        rows.push(row("runner", &self.runner, from(|it| &it.runner)));
        let model = self.model.clone().unwrap_or_else(|| "the runner's own choice".to_owned());
        let model_from = origins.and_then(|it| {
            let from = it.model.as_ref()?;
            Some(it.tier.as_ref().map_or_else(|| from.to_string(), |tier| format!("tier {tier}, {from}")))
        });
        rows.push(row("model", &model, model_from));
        rows.push(row("timeout", &format!("{} s", self.timeout_seconds), from(|it| &it.timeout_seconds)));
        let silence =
            self.silence_seconds.map_or_else(|| "no limit".to_owned(), |limit| format!("{limit} s"));
        rows.push(row("silence", &silence, from(|it| &it.silence_seconds)));
        let permission = format!("{}, {}", self.permission, enforced(self.enforced_by.as_deref()));
        rows.push(row("permission", &permission, from(|it| &it.permission)));
        rows
    }
}

/// Who named a text, and whose text it is.
fn text_from(origin: &TextOrigin) -> String {
    let TextOrigin { named_by, text, .. } = origin;
    if named_by.key.is_some() { format!("{text}, named by {named_by}") } else { text.to_string() }
}

impl ResultView {
    fn row(&self) -> Vec<String> {
        let mut to = self.to.as_ref().map_or_else(|| "nowhere".to_owned(), |target| format!("-> {target}"));
        if let Some(bound) = &self.bound {
            to = format!("{to} ({} at most {}, then {})", bound.counter, bound.at_most, bound.exhausted);
        }
        vec![self.result.to_string(), to]
    }
}
