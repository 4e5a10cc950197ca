//! The plans of a simulation: the shipped one with narrow bounds, so that every cap is reached; without its texts,
//! which no rule reads.

use std::sync::OnceLock;

use millrace::compile::{Assets, Request, compile};
use millrace::domain::plan::Plan;
use millrace::format::config::parse;
use millrace::format::records::{decode, encode};

/// A plan with its id.
#[derive(Clone)]
pub(crate) struct Frozen {
    pub(crate) id: String,
    pub(crate) record: Vec<u8>,
}

/// Which plan the operator ends with.
pub(crate) const USUAL: usize = 0;

const CONFIGS: [&str; 4] = [
    "[limits]\nmax_launches_per_item = 12\nmax_interruptions = 3\n",
    "[limits]\nmax_launches_per_item = 7\nmax_interruptions = 2\nmax_rejected_handoffs = 1\n\
     max_remediation_rounds = 1\nmax_open_roots = 2\n[workspace]\nbetween_items = \"carry\"\n",
    "[limits]\nmax_launches_per_item = 20\nmax_rejected_handoffs = 3\n[workspace]\nbetween_items = \"wait\"\n",
    // The one that judges no roots.
    "[limits]\nmax_launches_per_item = 9\n",
];

/// All plans.
pub(crate) fn all() -> &'static [Frozen] {
    static PLANS: OnceLock<Vec<Frozen>> = OnceLock::new();
    PLANS.get_or_init(|| CONFIGS.iter().enumerate().map(|(n, text)| frozen(n, text)).collect())
}

fn frozen(n: usize, text: &str) -> Frozen {
    let config = parse(text, "millrace.toml").expect("a configuration");
    let compiled =
        compile(&Request { mode: None, config: &config, assets: &Assets::shipped() }).expect("a plan");
    let mut plan: Plan = decode(&compiled.record).expect("a plan");
    for stage in plan.stages.values_mut() {
        stage.evidence.clear();
        stage.skills.clear();
    }
    if n == 3 {
        plan.completion = None;
    }
    Frozen { id: format!("plan-{}-{n:012x}", plan.mode), record: encode(&plan).expect("a record") }
}
