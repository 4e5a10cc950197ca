//! A harness that comes to anything: what its plan allows and what it does not, with documents and verdicts of every
//! quality, through outages that last.

use jiff::SignedDuration;
use millrace::domain::closure::{Criterion, Finding};
use millrace::domain::item::ItemKind;
use millrace::domain::plan::{Plan, Plane, Stage};
use millrace::domain::result::{InfrastructureClass, Interrupter, Judgement, ResultChannel, ResultClass};
use millrace::domain::run::Run;
use millrace::domain::usage::{CostSource, Usage, Usd};
use millrace::domain::view::View as _;

use crate::documents::Document;
use crate::world::{Temper, World};

/// What a process came to.
#[derive(Debug, Clone)]
pub(crate) struct Came {
    pub(crate) judgement: Judgement,
    pub(crate) documents: Vec<Document>,
    pub(crate) verdict: Option<Said>,
    /// It changed nothing in the work tree.
    pub(crate) still: bool,
    /// Its session, where it can be resumed.
    pub(crate) session: Option<String>,
    pub(crate) usage: Usage,
    /// Milliseconds that it ran, where anybody measured it.
    pub(crate) wall_ms: Option<u64>,
}

/// A verdict, before the code is named.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) criteria: Vec<Criterion>,
    /// It names other code than it was given.
    pub(crate) of_other_code: bool,
}

impl Came {
    pub(crate) fn of(judgement: Judgement) -> Self {
        Self {
            judgement,
            documents: Vec::new(),
            verdict: None,
            still: false,
            session: None,
            usage: Usage::default(),
            wall_ms: None,
        }
    }

    pub(crate) fn interrupted(by: Interrupter) -> Self {
        Self::of(Judgement::Interrupted { by })
    }

    fn failed(class: &str) -> Self {
        Self::of(Judgement::Failed { class: class.parse().expect("a class"), detail: "seen".to_owned() })
    }

    /// It was to be ended by a limit on spending, and had spent something.
    pub(crate) fn too_dear(world: &mut World) -> Self {
        Self::interrupted(Interrupter::Budget).at_a_price(world)
    }

    /// What it used: known, in part, or not at all.
    fn at_a_price(mut self, world: &mut World) -> Self {
        let number = |world: &mut World, most: usize| Some(world.dice.below(most) as u64);
        self.wall_ms = number(world, 400_000);
        if world.quiet || world.dice.below(4) > 0 {
            self.usage.input_uncached = number(world, 3000);
            self.usage.output = number(world, 1000);
            if !world.dice.one_in(3) {
                self.usage.cost = number(world, 40_000).map(Usd);
                self.usage.cost_source = Some(CostSource::Harness);
            }
        }
        self
    }
}

pub(crate) const OUTAGES: [InfrastructureClass; 10] = [
    InfrastructureClass::MissingProgram,
    InfrastructureClass::NotStartable,
    InfrastructureClass::Configuration,
    InfrastructureClass::Auth,
    InfrastructureClass::Quota,
    InfrastructureClass::RateLimit,
    InfrastructureClass::Server,
    InfrastructureClass::Network,
    InfrastructureClass::BadModel,
    InfrastructureClass::Declared,
];

/// What the run's stage comes to, and what it costs.
pub(crate) fn comes_to(world: &mut World, plan: &Plan, run: &Run) -> Came {
    let came = ends(world, plan, run);
    came.at_a_price(world)
}

/// An outage; now and then its provider says until when.
fn outage(world: &mut World, class: InfrastructureClass) -> Came {
    let retry_at = world.dice.one_in(4).then(|| {
        world.tally.count("named", "time");
        let seconds = world.dice.between(-2000, 120_000);
        world.now.saturating_add(SignedDuration::from_secs(seconds)).expect("a time")
    });
    let detail = "no luck".to_owned();
    Came { still: true, ..Came::of(Judgement::Infrastructure { class, detail, retry_at }) }
}

/// It says that it has done its work, and nothing of what came of it.
fn wordless(world: &mut World) -> Came {
    let session = (!world.dice.one_in(3)).then(|| format!("session-{}", world.number()));
    Came { session, still: world.dice.one_in(4), ..Came::failed("missing_terminal_result") }
}

fn ends(world: &mut World, plan: &Plan, run: &Run) -> Came {
    let stage = &plan.stages[&run.stage.stage];
    if world.quiet {
        return reported(world, plan, run, stage, None);
    }
    if let Some((class, until)) = world.outage
        && world.steps < until
    {
        return outage(world, class);
    }
    // Nobody says so, and nothing comes of anything.
    if world.dead.is_some_and(|until| world.steps < until) {
        return Came { still: true, ..Came::failed("runner_error") };
    }
    let well = match world.temper {
        Temper::Mild => 72,
        Temper::Harsh => 30,
        Temper::StrictJudges if run.closure => 25,
        Temper::HopelessTasks if run.stage.plane == Plane::Execution => 30,
        Temper::StrictJudges | Temper::HopelessTasks => 95,
    };
    if world.dice.below(100) < well {
        return reported(world, plan, run, stage, None);
    }
    if world.temper.is_orderly() && world.dice.one_in(2) {
        // What its plan expects of it at the worst.
        let worst = [ResultClass::EscalatePlanning, ResultClass::FollowupNeeded, ResultClass::Blocked];
        let named = |class: &ResultClass| stage.results.iter().find(|(_, of)| *of == class);
        let worst = worst.iter().find_map(named).map(|(result, _)| result.to_string());
        return reported(world, plan, run, stage, worst.as_deref());
    }
    match world.dice.below(24) {
        20 | 21 => wordless(world),
        22 => {
            world.dead = Some(world.steps + 20 + world.dice.below(120) as u64);
            Came { still: true, ..Came::failed("runner_error") }
        }
        23 => Came { still: true, ..Came::failed("runner_error") },
        0..11 => {
            let all: Vec<String> = stage.results.keys().map(ToString::to_string).collect();
            let result = world.dice.pick(&all).expect("a result");
            reported(world, plan, run, stage, Some(&result))
        }
        11 => reported(world, plan, run, stage, Some("NO_SUCH_RESULT")),
        12..16 => {
            let classes = ["runner_timeout", "missing_marker", "illegal_result", "runner_error", "silent"];
            Came::failed(world.dice.pick(&classes).expect("a class"))
        }
        16 => {
            let class = world.dice.pick(&OUTAGES).expect("a class");
            world.outage = Some((class, world.steps + world.dice.below(40) as u64));
            outage(world, class)
        }
        _ => {
            Came::interrupted(if world.dice.one_in(2) { Interrupter::Runtime } else { Interrupter::Unknown })
        }
    }
}

/// A report: of success, where no result is named.
fn reported(world: &mut World, plan: &Plan, run: &Run, stage: &Stage, result: Option<&str>) -> Came {
    let good = || {
        let good = stage.results.iter().find(|(_, class)| **class == ResultClass::Success);
        good.expect("a good result").0.to_string()
    };
    let result: String = result.map_or_else(good, str::to_owned);
    let class = stage.results.iter().find(|(name, _)| name.as_str() == result).map(|(_, class)| *class);
    let class = class.unwrap_or(ResultClass::Success);
    let stages: Vec<_> = plan.stages.keys().cloned().collect();
    let resume_stage = if stage.repair && world.dice.one_in(2) { world.dice.pick(&stages) } else { None };
    let documents = documents(world, run, stage, &result, class);
    let says_none = documents.is_empty() && (world.quiet || world.dice.one_in(2));
    let verdict = match (&plan.completion, run.closure) {
        (Some(completion), true) => said(world, run, result == completion.on_gap.as_str()),
        _ => None,
    };
    let judgement = Judgement::Reported {
        result: result.parse().expect("a result"),
        class,
        summary: None,
        resume_stage,
        target_stage: None,
        artifacts: Vec::new(),
        nothing_to_create: says_none.then(|| "nothing is left".to_owned()),
        channel: ResultChannel::ResultFile,
        notes: Vec::new(),
    };
    Came { documents, verdict, ..Came::of(judgement) }
}

/// The documents of an outbox: sometimes too many, of a wrong kind, in a circle, under a name that is taken.
fn documents(world: &mut World, run: &Run, stage: &Stage, result: &str, class: ResultClass) -> Vec<Document> {
    let Some(kind) = stage.creates.keys().next().copied() else {
        let odd = !world.quiet && world.dice.one_in(60);
        return if odd { fresh(world, ItemKind::Task, run, 1) } else { Vec::new() };
    };
    let fails = matches!(class, ResultClass::Blocked | ResultClass::RecoverableFailure);
    if fails && (world.quiet || !world.dice.one_in(6)) {
        return Vec::new();
    }
    let many = match kind {
        ItemKind::Task if world.quiet => usize::from(world.dice.one_in(3)),
        ItemKind::Task if world.temper == Temper::StrictJudges => world.dice.below(2),
        ItemKind::Task => world.dice.below(4),
        _ if world.quiet => 0,
        ItemKind::Spec => usize::from(world.dice.one_in(6)),
        ItemKind::Incident if result == "NEEDS_PLANNING" => world.dice.below(3),
        ItemKind::Incident => usize::from(world.dice.one_in(8)),
    };
    let mut all = fresh(world, kind, run, many);
    if world.quiet || !world.dice.one_in(4) {
        return all;
    }
    match world.dice.below(8) {
        0 => all.extend(fresh(world, kind, run, 51)),
        1 => all.push(Document::new("incident", "odd-kind")),
        2 => {
            let (a, b) = (format!("round-{}-a", world.number()), format!("round-{}-b", world.number()));
            all.push(Document::new(kind.as_str(), &a).after(&b));
            all.push(Document::new(kind.as_str(), &b).after(&a));
        }
        3 => {
            let taken: Vec<_> = world.items().into_iter().filter(|item| item.kind == kind).collect();
            all.extend(
                world.dice.pick(&taken).map(|item| Document::new(kind.as_str(), item.id.as_str()).other()),
            );
        }
        4 => {
            let taken: Vec<_> = world.items().into_iter().filter(|item| item.kind == kind).collect();
            let taken = world.dice.pick(&taken);
            all.extend(taken.map(|item| Document::new(kind.as_str(), &item.id.as_str().to_uppercase())));
        }
        5 => {
            let twice = all.first().cloned().unwrap_or_else(|| Document::new(kind.as_str(), "twice"));
            all.push(twice.clone());
            all.push(twice.other());
        }
        6 => all.extend(all.first().cloned()),
        _ => all.clear(),
    }
    all
}

/// New documents, some of which wait for one before them, or for something that is there or nowhere.
fn fresh(world: &mut World, kind: ItemKind, run: &Run, many: usize) -> Vec<Document> {
    let mut all: Vec<Document> = Vec::new();
    let short: String = run.item.id.as_str().chars().take(12).collect();
    for _ in 0..many {
        let mut one = Document::new(kind.as_str(), &format!("{short}-{}", world.number()));
        one.priority = u8::try_from(world.dice.below(10)).expect("a digit");
        if world.dice.one_in(3)
            && let Some(before) = world.dice.pick(&all)
        {
            one = one.after(before.item.id.as_str());
        }
        if !world.quiet && world.dice.one_in(12) {
            let any = world.items().into_iter().filter(|item| item.kind == kind).collect::<Vec<_>>();
            one = one.after(
                world.dice.pick(&any).map_or("nowhere".to_owned(), |item| item.id.to_string()).as_str(),
            );
        }
        all.push(one);
    }
    all
}

/// A verdict: on what earlier ones asked and sometimes more, or a wrong one.
fn said(world: &mut World, run: &Run, gap: bool) -> Option<Said> {
    let earlier = world.view(|view| {
        let latest = view.target(&run.item.id)?.and_then(|target| target.verdict);
        Ok(match latest {
            Some(latest) => view.verdict(&run.item.id, &latest)?.map(|verdict| verdict.criteria),
            None => None,
        })
    });
    let mut names: Vec<String> = earlier.iter().flatten().map(|criterion| criterion.id.to_string()).collect();
    // A new gap is mostly one that nobody saw before.
    if names.is_empty() || (names.len() < 8 && !world.dice.one_in(if gap { 4 } else { 2 })) {
        names.push(format!("c{}", names.len() + 1));
    }
    let mut criteria: Vec<Criterion> = names
        .iter()
        .map(|name| Criterion {
            id: name.parse().expect("an id"),
            text: format!("{name} holds."),
            source: None,
            finding: Finding::Pass,
            evidence: "Seen.".to_owned(),
        })
        .collect();
    if gap {
        let at = if world.dice.one_in(4) { world.dice.below(criteria.len()) } else { criteria.len() - 1 };
        criteria[at].finding = Finding::Gap;
    }
    let mut said = Said { criteria, of_other_code: false };
    if world.quiet || !world.dice.one_in(3) {
        return Some(said);
    }
    match world.dice.below(8) {
        0 => return None,
        1 => said.of_other_code = true,
        2 => said.criteria.clear(),
        3 => said.criteria.extend(said.criteria.first().cloned()),
        4 | 5 => {
            said.criteria =
                vec![Criterion { id: "another".parse().expect("an id"), ..said.criteria[0].clone() }];
        }
        6 => said.criteria[0].finding = Finding::NotJudgeable,
        _ => said.criteria.iter_mut().for_each(|criterion| {
            criterion.finding = if gap { Finding::Pass } else { Finding::Gap };
        }),
    }
    Some(said)
}
