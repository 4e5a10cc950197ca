//! Which commits `log` shows, told from the trailers of their messages alone.

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::cli::failure::Failure;
use crate::cli::lookup;
use crate::cli::trailers::{value, values};
use crate::domain::ids::{PlanId, RunId};
use crate::domain::item::ItemRef;
use crate::domain::plan::Plan;
use crate::domain::transition::input::Input;
use crate::domain::view::{Fault, View as _};
use crate::format::quote::quoted;
use crate::format::suggest::{nearest, one_of};
use crate::ledger::view::TreeView;

/// What a person asks for. Several together have to be true all of them.
#[derive(Debug, Args)]
pub(super) struct FilterArguments {
    /// Only commits about this item, or a beginning that no other item has.
    #[arg(long, value_name = "ITEM")]
    item: Option<String>,

    /// Only commits of this run, or a beginning that no other run has; or of an item's latest run.
    #[arg(long, value_name = "RUN|ITEM")]
    run: Option<String>,

    /// Only launches and handoffs of this stage: `builder` or `execution/builder`.
    #[arg(long, value_name = "STAGE")]
    stage: Option<String>,

    /// Only handoffs with this result. A stage that failed counts as `BLOCKED`.
    #[arg(long, value_name = "RESULT")]
    result: Option<String>,

    /// Only commits under this plan; a beginning of its id or of its digits will do.
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,

    /// Only this operation.
    #[arg(long, value_name = "OP", value_parser = PossibleValuesParser::new(Input::OPS))]
    op: Option<String>,
}

/// What a commit's trailers have to say.
#[derive(Debug, Default)]
pub(super) struct Filter {
    item: Option<ItemRef>,
    run: Option<RunId>,
    stage: Option<String>,
    result: Option<String>,
    plan: Option<PlanId>,
    op: Option<String>,
}

impl FilterArguments {
    /// Whether nothing is asked for.
    pub(super) fn is_empty(&self) -> bool {
        let asked = [&self.item, &self.run, &self.stage, &self.result, &self.plan, &self.op];
        asked.iter().all(|asked| asked.is_none())
    }

    /// Refuses what is nowhere in this ledger: an empty list would look like an answer.
    pub(super) fn resolve(&self, view: &TreeView<'_, '_>) -> Result<Filter, Failure> {
        Ok(Filter {
            item: self.item.as_deref().map(|text| lookup::item(view, text)).transpose()?,
            run: self.run.as_deref().map(|text| lookup::run_or_latest(view, text)).transpose()?,
            stage: self.stage.as_deref().map(|text| known(view, "stage", text, stages)).transpose()?,
            result: self.result.as_deref().map(|text| known(view, "result", text, results)).transpose()?,
            plan: self.plan.as_deref().map(|text| lookup::plan(view, text)).transpose()?,
            op: self.op.clone(),
        })
    }
}

impl Filter {
    /// Whether a commit with this message is to be shown.
    pub(super) fn admits(&self, message: &str) -> bool {
        fn says(message: &str, key: &str, wanted: Option<&str>) -> bool {
            wanted.is_none_or(|wanted| values(message, key).any(|value| value == wanted))
        }
        // `Stage` has the plane before its name, `Result` the class of a failure behind it.
        let stage = value(message, "Stage").unwrap_or_default();
        let result = value(message, "Result").unwrap_or_default().split(' ').next().unwrap_or_default();
        says(message, "Item", self.item.as_ref().map(ToString::to_string).as_deref())
            && says(message, "Run", self.run.as_ref().map(RunId::as_str))
            && says(message, "Plan", self.plan.as_ref().map(PlanId::as_str))
            && says(message, "Op", self.op.as_deref())
            && self
                .stage
                .as_deref()
                .is_none_or(|wanted| stage == wanted || stage.rsplit('/').next() == Some(wanted))
            && self.result.as_deref().is_none_or(|wanted| result == wanted)
    }
}

fn stages(plan: &Plan) -> Vec<String> {
    let named = |(name, stage): (&_, &crate::domain::plan::Stage)| {
        [format!("{name}"), format!("{}/{name}", stage.plane)]
    };
    plan.stages.iter().flat_map(named).collect()
}

fn results(plan: &Plan) -> Vec<String> {
    plan.stages.values().flat_map(|stage| stage.results.keys().map(ToString::to_string)).collect()
}

/// The name, where a plan of this ledger knows it: the selected one, or any other that ever was.
fn known(
    view: &TreeView<'_, '_>,
    what: &str,
    text: &str,
    names: fn(&Plan) -> Vec<String>,
) -> Result<String, Failure> {
    let mut plans: Vec<PlanId> =
        if view.root().is_some() { view.control()?.plan.into_iter().collect() } else { Vec::new() };
    plans.extend(view.plans()?);
    let mut all = Vec::new();
    for id in &plans {
        let plan =
            view.plan(id)?.ok_or_else(|| Fault { at: id.to_string(), detail: "missing".to_owned() })?;
        let of_plan = names(&plan);
        if of_plan.iter().any(|name| name == text) {
            return Ok(text.to_owned());
        }
        all.extend(of_plan);
    }
    all.sort();
    all.dedup();
    // The right name under the wrong plane is nearer than any other name.
    let elsewhere = |name: &&str| text.contains('/') && name.rsplit('/').next() == text.rsplit('/').next();
    let mut names = all.iter().map(String::as_str).filter(|name| name.contains('/') == text.contains('/'));
    let meant = names.clone().find(elsewhere).or_else(|| nearest(text, &mut names));
    let hint = match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if all.is_empty() => "there is no plan yet".to_owned(),
        None => {
            format!("expected {}", one_of(all.iter().map(String::as_str).filter(|name| !name.contains('/'))))
        }
    };
    Err(Failure::failed(format!("no plan of this ledger knows a {what} {}", quoted(text))).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANDOFF: &str = "handoff: a builder -> checker (BLOCKED)\n\nMillrace-Item: task/forged\n\nMillrace-Op: handoff\n\
        Millrace-Item: task/a\nMillrace-Stage: execution/builder\nMillrace-Result: BLOCKED (runner_timeout)\n";
    const ENQUEUE: &str =
        "enqueue: 2 items (a, b)\n\nMillrace-Op: enqueue\nMillrace-Item: task/a\nMillrace-Item: task/b\n";

    fn admits(filter: &Filter) -> [bool; 2] {
        [filter.admits(HANDOFF), filter.admits(ENQUEUE)]
    }

    #[test]
    fn trailers_decide_and_prose_does_not() {
        let item = |name: &str| Filter { item: Some(name.parse().unwrap()), ..Filter::default() };
        assert_eq!(admits(&Filter::default()), [true, true]);
        assert_eq!(admits(&item("task/a")), [true, true]);
        assert_eq!(admits(&item("task/b")), [false, true]);
        assert_eq!(admits(&item("task/forged")), [false, false]);
    }

    #[test]
    fn a_stage_has_two_names_and_a_failure_is_a_block() {
        let stage = |text: &str| Filter { stage: Some(text.to_owned()), ..Filter::default() };
        let result = |text: &str| Filter { result: Some(text.to_owned()), ..Filter::default() };
        assert_eq!(admits(&stage("builder")), [true, false]);
        assert_eq!(admits(&stage("execution/builder")), [true, false]);
        assert_eq!(admits(&stage("execution")), [false, false]);
        assert_eq!(admits(&result("BLOCKED")), [true, false]);
        assert_eq!(admits(&result("runner_timeout")), [false, false]);
    }

    #[test]
    fn several_are_all_needed() {
        let both = Filter {
            op: Some("handoff".to_owned()),
            item: Some("task/b".parse().unwrap()),
            ..Filter::default()
        };
        assert_eq!(admits(&both), [false, false]);
    }
}
