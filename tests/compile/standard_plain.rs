//! What ships compiles, to the same plan at any time.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use millrace::compile::{Assets, CONFIG_FILE, Request, SHIPPED, compile, frozen_config};
use millrace::domain::item::ItemKind;
use millrace::domain::permission::PermissionLevel;
use millrace::domain::plan::{Loop, PLAN_SCHEMA, Plan, Plane};
use millrace::domain::result::ResultClass;
use millrace::format::config::{RunnerKind, parse};
use millrace::format::records::decode;

use super::support::{changed, config, good, overrides, refused, standard};

/// The id of the plan of an empty configuration. It changes with every shipped text that a plan freezes and with
/// every default: whoever changes one of them on purpose writes the new id here.
const STANDARD: &str = "plan-standard_plain-eb54b2a64d9e";

#[test]
fn the_standard_plan_has_its_id_from_content_alone() {
    assert_eq!(standard().id.as_str(), STANDARD);
    assert!(standard() == standard(), "twice the same");
}

#[test]
fn every_asset_file_is_embedded() {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/assets");
    let mut found = Vec::new();
    walk(&root, &mut found);
    let found: Vec<String> =
        found.iter().map(|path| path.strip_prefix(&root).expect("below").display().to_string()).collect();
    // The demo's files are not part of any plan; contracts with harnesses are part of the configuration.
    let (runners, mut found): (Vec<_>, Vec<_>) = found
        .into_iter()
        .filter(|path| !path.starts_with("demo/"))
        .partition(|path| path.starts_with("runners/"));
    let kinds: BTreeSet<String> =
        RunnerKind::ALL.map(|kind| format!("runners/{}.toml", kind.as_str())).into();
    assert_eq!(BTreeSet::from_iter(runners), kinds);
    found.sort();
    // Look-ups are by binary search, so the order is part of it.
    assert_eq!(SHIPPED.map(|(path, _)| path).to_vec(), found);
}

#[test]
fn the_standard_plan_has_both_planes_whole() {
    let plan = standard().plan;
    assert_eq!(plan.schema, PLAN_SCHEMA);
    let of = |plane| {
        let stages = plan.stages.iter().filter(|(_, stage)| stage.plane == plane);
        stages.map(|(name, _)| name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(
        of(Plane::Execution),
        ["builder", "checker", "consultant", "doublechecker", "fixer", "troubleshooter", "updater"]
    );
    assert_eq!(of(Plane::Planning), ["arbiter", "auditor", "manager", "mechanic", "planner"]);
    let entry = |kind| plan.entry(kind).map(|stage| stage.to_string());
    assert_eq!(entry(ItemKind::Task).as_deref(), Some("execution/builder"));
    assert_eq!(entry(ItemKind::Spec).as_deref(), Some("planning/planner"));
    assert_eq!(entry(ItemKind::Incident).as_deref(), Some("planning/auditor"));
    let repair: Vec<&str> =
        plan.stages.iter().filter(|(_, stage)| stage.repair).map(|(name, _)| name.as_str()).collect();
    assert_eq!(repair, ["consultant", "mechanic", "troubleshooter"]);
    let completion = plan.completion.expect("a completion");
    assert_eq!(completion.stage.as_str(), "arbiter");
    assert_eq!(completion.on_pass.as_str(), "ARBITER_COMPLETE");
    assert_eq!(completion.on_gap.as_str(), "REMEDIATION_NEEDED");
    assert!(completion.create_incident_on_gap && completion.skip_if_already_closed);
    for (name, stage) in &plan.stages {
        let plane = stage.plane;
        assert_eq!(stage.entrypoint, format!("entrypoints/{plane}/{name}.md"));
        assert_eq!(stage.skills, [format!("skills/stage/{plane}/{name}-core/SKILL.md")]);
        assert_eq!(stage.runner.as_str(), "codex_cli");
        assert_eq!(stage.permission, PermissionLevel::Maximum);
        assert_eq!((stage.timeout_seconds, stage.silence_seconds), (3600, None));
    }
}

#[test]
fn the_record_is_the_plan_and_reads_from_top_to_bottom() {
    let compiled = standard();
    let read: Plan = decode(&compiled.record).expect("a plan");
    assert_eq!(read, compiled.plan);
    let text = String::from_utf8(compiled.record).expect("text");
    let part = |from: &str, to: &str| {
        let start = text.find(from).unwrap_or_else(|| panic!("no {from}"));
        let end = text[start..].find(to).map_or(text.len(), |end| start + end);
        text[start..end].to_owned()
    };
    insta::assert_snapshot!(part("schema", "[stages."), @r#"
    schema = 1
    mode = "standard_plain"

    [limits]
    max_launches_per_item = 40
    max_interruptions = 5
    max_rejected_handoffs = 2
    max_remediation_rounds = 3
    max_open_roots = 1

    [workspace]
    between_items = "restore"
    on_done = "leave"

    [snapshot]
    exclude = []
    max_file_bytes = 10485760
    "#);
    insta::assert_snapshot!(part("[stages.consultant]", "[stages.doublechecker]"), @r#"
    [stages.consultant]
    plane = "execution"
    repair = true
    runner = "codex_cli"
    permission = "maximum"
    timeout_seconds = 3600
    entrypoint = "entrypoints/execution/consultant.md"
    skills = ["skills/stage/execution/consultant-core/SKILL.md"]

    [stages.consultant.results]
    BLOCKED = "blocked"
    CONSULT_COMPLETE = "success"
    NEEDS_PLANNING = "escalate_planning"

    [stages.consultant.evidence]
    "consultant_decision.json" = ["BLOCKED", "CONSULT_COMPLETE", "NEEDS_PLANNING"]
    "consultant_summary.md" = ["BLOCKED", "CONSULT_COMPLETE", "NEEDS_PLANNING"]

    [stages.consultant.creates]
    incident = []
    "#);
    insta::assert_snapshot!(part("[execution]", "[[execution.edges]]\nfrom = \"fixer\""), @r#"
[execution]
id = "execution.standard"

[execution.entry]
task = "builder"

[[execution.repair]]
stage = "troubleshooter"
counter = "troubleshoot_attempts"
at_most = 2
per = "class"

[[execution.repair]]
stage = "consultant"
counter = "consultant_invocations"
at_most = 2
per = "item"

[[execution.edges]]
from = "builder"
on = "BUILDER_COMPLETE"
to = "stage checker"

[[execution.edges]]
from = "builder"
on = "BLOCKED"
to = "repair"

[[execution.edges]]
from = "checker"
on = "FIX_NEEDED"
to = "stage fixer"

[execution.edges.bound]
counter = "fix_cycle"
at_most = 2
exhausted = "fix_cycle_exhausted"

[[execution.edges]]
from = "checker"
on = "CHECKER_PASS"
to = "stage updater"

[[execution.edges]]
from = "checker"
on = "BLOCKED"
to = "repair"
"#);
}

#[test]
fn a_record_with_a_target_of_no_kind_is_no_plan() {
    let text = String::from_utf8(standard().record).expect("text");
    for bad in ["stage", "stage ", "stage A", "resume checker", "end", "end nowhere", "checker", "", "Repair"]
    {
        let changed = text.replacen("to = \"stage checker\"", &format!("to = \"{bad}\""), 1);
        assert!(decode::<Plan>(changed.as_bytes()).is_err(), "{bad:?}");
    }
}

#[test]
fn the_files_are_frozen_as_they_are() {
    let compiled = standard();
    let mut expected: BTreeSet<&str> = SHIPPED.iter().map(|(path, _)| *path).collect();
    expected.remove("skills/skills_index.md");
    expected.insert(CONFIG_FILE);
    let found: Vec<&str> = compiled.files.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    for (path, bytes) in &compiled.files {
        if let Some((_, text)) = SHIPPED.iter().find(|(known, _)| known == path) {
            assert_eq!(bytes, text.as_bytes(), "{path}");
        }
    }
    for stage in compiled.plan.stages.values() {
        for path in stage.skills.iter().chain([&stage.entrypoint]) {
            assert!(found.contains(&path.as_str()), "{path} is frozen");
        }
    }
}

#[test]
fn a_launch_reads_its_runner_from_the_frozen_configuration() {
    let text = "[runners]\ndefault_runner = \"mine\"\n[runners.mine]\nkind = \"command\"\n\
                argv = [\"agent\", \"-q\"]\ninfra_exits = [69]\nenv = { A = \"b\" }\nenv_pass = [\"PATH\"]\n\
                silence_seconds = 90\n[runners.codex]\npermission_default = \"basic\"\n\
                [snapshot]\nexclude = [\"*.key\"]\n[stages.fixer]\nmodel = \"m\"\ntimeout_seconds = 7\n";
    let loaded = config(text);
    let compiled = good(&loaded, &Assets::shipped());
    let (_, bytes) = compiled.files.iter().find(|(path, _)| path == CONFIG_FILE).expect("the configuration");
    // Of the runners, those that something names.
    let frozen = frozen_config(bytes).expect("a configuration");
    assert_eq!(frozen, loaded.config.with_runners(&BTreeSet::new()));
    assert_eq!(frozen.runners.tables.len(), 1);
    assert_eq!(compiled.plan.stages[&"builder".parse().expect("a name")].silence_seconds, Some(90));
    assert!(frozen_config(b"\xff").is_err());
    assert!(frozen_config(b"[nope]").is_err());
}

#[test]
fn what_a_stage_runs_with_comes_from_mode_stage_and_runner_in_this_order() {
    let loaded = config(
        "[runners]\ndefault_runner = \"command\"\n[runners.command]\nargv = [\"a\"]\nsilence_seconds = 5\n\
         permission_default = \"basic\"\n[runners.codex]\npermission_by_stage = { checker = \"basic\" }\n\
         permission_by_model = { big = \"elevated\" }\n[stages.checker]\nrunner = \"codex_cli\"\n\
         model = \"big\"\ntimeout_seconds = 60\n[stages.fixer]\nrunner = \"codex_cli\"\nmodel = \"big\"\n\
         [stages.updater]\nrunner = \"codex_cli\"\nmodel = \"small\"\n",
    );
    let mode = changed(
        "modes/standard_plain.yaml",
        "stage_model_bindings: {}",
        "stage_model_bindings: {fixer: small, builder: tiny}",
    )
    .replace("stage_runner_bindings: {}", "stage_runner_bindings: {updater: command}");
    let plan = good(&loaded, &overrides([("modes/standard_plain.yaml", mode)])).plan;
    let of = |stage: &str| {
        let stage = &plan.stages[&stage.parse().expect("a name")];
        let model = stage.model.as_deref().unwrap_or("-");
        format!(
            "{} {model} {} {} {:?}",
            stage.runner, stage.permission, stage.timeout_seconds, stage.silence_seconds
        )
    };
    assert_eq!(of("builder"), "command tiny basic 3600 Some(5)");
    assert_eq!(of("checker"), "codex_cli big basic 60 None");
    assert_eq!(of("fixer"), "codex_cli small maximum 3600 None");
    assert_eq!(of("updater"), "command small basic 3600 Some(5)");
    let big = good(&loaded, &Assets::shipped()).plan;
    assert_eq!(big.stages[&"fixer".parse().expect("a name")].permission, PermissionLevel::Elevated);
}

#[test]
fn the_id_changes_with_everything_that_governs_and_with_nothing_else() {
    let standard = standard();
    let same = [
        // The same in other words, and in another order.
        "[recovery]\nmax_fix_cycles = 2\n",
        "# a comment\n[runners.codex]\npermission_default = \"maximum\"\n[runtime]\nidle_sleep_seconds = 1.0\n",
        "[runtime]\nidle_sleep_seconds = 1.0\n[runners.codex]\npermission_default = \"maximum\"\n",
    ];
    for text in same {
        assert_eq!(good(&config(text), &Assets::shipped()).id, standard.id, "{text}");
    }
    let mut ids = BTreeSet::from([standard.id]);
    let differs = [
        "[recovery]\nmax_fix_cycles = 3\n",
        "[recovery]\nmax_troubleshoot_attempts_before_consult = 3\n",
        "[recovery]\nmax_mechanic_attempts = 3\n",
        "[recovery]\nmax_consultant_invocations = 3\n",
        "[limits]\nmax_interruptions = 3\n",
        "[limits]\nmax_launches_per_item = 3\n",
        "[workspace]\non_done = \"commit\"\n",
        "[workspace]\nbetween_items = \"wait\"\n",
        "[ledger]\nsign = \"always\"\n",
        "[snapshot]\nexclude = [\"*.bin\"]\n",
        "[runners.codex]\npermission_default = \"basic\"\n",
        "[runners.codex]\npermission_by_stage = { builder = \"basic\" }\n",
        "[runners.codex]\ncommand = \"other\"\n",
        "[runners.codex]\nenv = { A = \"b\" }\n",
        "[stages.builder]\nmodel = \"m\"\n",
        "[stages.builder]\ntimeout_seconds = 9\n",
    ];
    for text in differs {
        assert!(ids.insert(good(&config(text), &Assets::shipped()).id), "{text}");
    }
    // One more line break in any file that may be overridden is another plan; the same bytes are the same.
    for (path, text) in SHIPPED {
        if path.starts_with("stages/") || path == "skills/skills_index.md" {
            continue;
        }
        let with = |text: String| good(&config(""), &overrides([(path, text)])).id;
        assert_eq!(with(text.to_owned()).as_str(), STANDARD, "{path}");
        assert!(ids.insert(with(format!("{text}\n"))), "{path}");
    }
}

#[test]
fn the_mode_is_the_one_asked_for_else_the_configured_one() {
    let mode = changed("modes/standard_plain.yaml", "mode_id: standard_plain", "mode_id: mine");
    let assets = overrides([("modes/mine.yaml", mode)]);
    let configured = config("[runtime]\ndefault_mode = \"mine\"\n");
    let of = |mode: Option<&str>, config| {
        let mode = mode.map(|mode| mode.parse().expect("a mode id"));
        let compiled = compile(&Request { mode: mode.as_ref(), config, assets: &assets }).expect("a plan");
        compiled.plan.mode.to_string()
    };
    assert_eq!(of(None, &configured), "mine");
    assert_eq!(of(Some("standard_plain"), &configured), "standard_plain");
    assert_eq!(of(Some("mine"), &config("")), "mine");
}

#[test]
fn the_diagnostics_are_a_record_without_a_time() {
    let compiled = good(&config("[runtime]\nrun_style = \"once\"\n"), &Assets::shipped());
    let text = String::from_utf8(compiled.diagnostics.to_toml().expect("a record")).expect("text");
    insta::assert_snapshot!(text, @r#"
ok = true
mode_id = "standard_plain"
errors = []
warnings = ["millrace-agents/millrace.toml:2: runtime.run_style: has no effect; `millrace run once` and `millrace run daemon` say it"]
"#);
    let parsed = parse("", "f").expect("a configuration");
    let mode = "nope".parse().expect("a mode id");
    let request = Request { mode: Some(&mode), config: &parsed, assets: &Assets::shipped() };
    let failed = refused(compile(&request));
    assert!(!failed.ok());
    let text = String::from_utf8(failed.to_toml().expect("a record")).expect("text");
    insta::assert_snapshot!(text, @r#"
ok = false
mode_id = "nope"
errors = ["--mode: there is no mode `nope`; expected `standard_plain`"]
warnings = []
"#);
}

#[test]
fn classes_are_those_of_the_contract() {
    for (name, stage) in &standard().plan.stages {
        for (result, class) in &stage.results {
            let expected = match result.as_str() {
                "FIX_NEEDED" | "REMEDIATION_NEEDED" => ResultClass::FollowupNeeded,
                "NEEDS_PLANNING" => ResultClass::EscalatePlanning,
                "BLOCKED" => ResultClass::Blocked,
                _ => ResultClass::Success,
            };
            assert_eq!(*class, expected, "{name} {result}");
        }
    }
}

#[test]
fn the_default_thresholds_are_two() {
    let plan = standard().plan;
    let rungs = |graph: &Loop| {
        graph.repair.iter().map(|rung| format!("{} {}", rung.stage, rung.at_most)).collect::<Vec<_>>()
    };
    assert_eq!(rungs(&plan.execution), ["troubleshooter 2", "consultant 2"]);
    assert_eq!(rungs(&plan.planning), ["mechanic 2"]);
    let bounds: Vec<u32> = plan
        .execution
        .edges
        .iter()
        .filter_map(|edge| edge.bound.as_ref())
        .map(|bound| bound.at_most)
        .collect();
    assert_eq!(bounds, [2, 2]);
}
