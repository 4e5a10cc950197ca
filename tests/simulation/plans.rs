//! The plans of a simulation: the shipped one with narrow bounds, so that every cap is reached; without its texts,
//! which no rule reads.

use std::sync::OnceLock;

use millrace::compile::{Assets, Request, compile};
use millrace::domain::budget::{Assumed, Budget, Caps};
use millrace::domain::plan::Plan;
use millrace::domain::usage::Usd;
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

/// And which one where money is short.
pub(crate) const FRUGAL: usize = 4;

const CONFIGS: [&str; 7] = [
    "[limits]\nmax_launches_per_item = 12\nmax_interruptions = 3\n",
    "[limits]\nmax_launches_per_item = 7\nmax_interruptions = 2\nmax_rejected_handoffs = 1\n\
     max_remediation_rounds = 1\nmax_open_roots = 2\n[workspace]\nbetween_items = \"carry\"\n",
    "[limits]\nmax_launches_per_item = 20\nmax_rejected_handoffs = 3\n[workspace]\nbetween_items = \"wait\"\n",
    // The one that judges no roots.
    "[limits]\nmax_launches_per_item = 9\n",
    // Those that limit what is spent: a day and a daemon, an item, and all of it.
    "[limits]\nmax_launches_per_item = 12\n",
    "[limits]\nmax_launches_per_item = 30\n",
    "[limits]\nmax_launches_per_item = 15\n[runners.mine]\nkind = \"command\"\nargv = [\"true\"]\n\
     [stages.troubleshooter]\nrunner = \"mine\"\n[stages.checker]\nrunner = \"mine\"\n",
];

/// What the plans let be spent.
fn budget(n: usize) -> Budget {
    let assumed = Assumed { tokens: 2000, cost: Usd(20_000) };
    match n {
        FRUGAL => Budget {
            per_day: Caps { tokens: Some(60_000), launches: Some(25), ..Caps::default() },
            per_daemon: Caps { cost: Some(Usd(600_000)), launches: Some(40), ..Caps::default() },
            assumed,
            ..Budget::default()
        },
        5 => Budget {
            per_item: Caps {
                tokens: Some(14_000),
                cost: Some(Usd(180_000)),
                launches: Some(9),
                wall_seconds: Some(1500),
            },
            assumed,
            ..Budget::default()
        },
        6 => Budget {
            per_item: Caps { tokens: Some(30_000), ..Caps::default() },
            per_day: Caps { cost: Some(Usd(300_000)), wall_seconds: Some(4000), ..Caps::default() },
            per_daemon: Caps { tokens: Some(40_000), wall_seconds: Some(9000), ..Caps::default() },
            assumed,
        },
        _ => Budget::default(),
    }
}

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
    plan.limits.budget = budget(n);
    if n == 3 {
        plan.completion = None;
    }
    Frozen { id: format!("plan-{}-{n:012x}", plan.mode), record: encode(&plan).expect("a record") }
}
