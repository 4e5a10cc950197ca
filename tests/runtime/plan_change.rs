//! Another plan while a run is under way: the run keeps its own to the end, the next one gets the new one, and git
//! shows what is between the two.

use super::site::{Site, text};
use crate::support::repo::TestRepo;

const SHORT: &str = "max_troubleshoot_attempts_before_consult = 1\nmax_consultant_invocations = 1\n";

/// A change that is never good enough; the builder waits until the test has changed the plan.
const NEVER_GOOD: &str = r#"
stages:
  builder:
    - - run: {argv: [sh, -c, 'touch @/builds; until [ -e @/go ]; do sleep 0.05; done'], expect: 0}
      - result: {terminal_result: BUILDER_COMPLETE}
  checker:
    - - run: {argv: [sh, -c, 'cp "$MILLRACE_RUN_DIR/entrypoint.md" "@/checker-$(ls @ | wc -l)"'], expect: 0}
      - result: {terminal_result: FIX_NEEDED}
  fixer: [[{result: {terminal_result: FIXER_COMPLETE}}]]
  doublechecker: [[{result: {terminal_result: FIX_NEEDED}}]]
  troubleshooter: [[{result: {terminal_result: BLOCKED}}]]
  consultant: [[{result: {terminal_result: BLOCKED}}]]
"#;

/// The configuration file with other thresholds, without a compile.
fn write(site: &Site, from: &str, to: &str) {
    let path = "millrace-agents/millrace.toml";
    let config = site.repo.read(path);
    assert_eq!(config.matches(from).count(), 1, "{config}");
    site.repo.write(path, config.replace(from, to));
}

fn selected(site: &Site) -> String {
    site.json(&["status"])["plan"].as_str().expect("a plan").to_owned()
}

/// The reasons of a run's handoffs, oldest first, and the plans that its commits name.
fn told(site: &Site, item: &str) -> (Vec<String>, Vec<String>) {
    let log = |format: &str, op: &str| {
        let grep = [format!("--grep=^Millrace-Item: task/{item}$"), format!("--grep=^Millrace-Op: {op}$")];
        let found = site.repo.git(&[
            "log",
            "--reverse",
            "--all-match",
            format,
            &grep[0],
            &grep[1],
            "refs/millrace/state",
        ]);
        found.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let why = log("--format=%H", "handoff")
        .iter()
        .map(|commit| {
            let transition = site.repo.git(&["show", &format!("{commit}:transition.toml")]);
            let table: toml::Table = toml::from_str(&transition).expect("a record");
            let effects = table["decision"]["effects"].as_array().expect("effects");
            let concluded =
                effects.iter().find(|effect| effect["do"].as_str() == Some("conclude")).expect("a result");
            concluded["result"]["why"].as_str().expect("a reason").to_owned()
        })
        .collect();
    let mut plans = log("--format=%(trailers:key=Millrace-Plan,valueonly)", "launch");
    plans.extend(log("--format=%(trailers:key=Millrace-Plan,valueonly)", "handoff"));
    plans.sort();
    plans.dedup();
    (why, plans)
}

#[test]
fn a_run_keeps_its_plan_and_the_next_one_has_the_new_one() {
    let config = format!("[recovery]\nmax_fix_cycles = 1\n{SHORT}");
    let site = Site::with(TestRepo::with_commit(), &config, NEVER_GOOD);
    let old = selected(&site);
    site.add("one");
    // What is written and not compiled changes nothing, for a plan that is selected as for one that runs.
    write(&site, "max_fix_cycles = 1", "max_fix_cycles = 5");
    let daemon = site.daemon(&["--until-idle"]);
    site.await_sign("builds");
    assert_eq!(selected(&site), old);

    write(&site, "max_fix_cycles = 5", "max_fix_cycles = 2");
    site.repo.write("millrace-agents/entrypoints/execution/checker.md", "# Mine\n\nCheck twice.\n");
    site.ok(&["compile", "validate"]);
    let new = selected(&site);
    assert_ne!(old, new);
    site.add("two");
    site.give("go");
    let (status, out, err) = daemon.ended();
    assert!(status.success(), "{out}{err}");

    let first = "fix_cycle_exhausted: troubleshoot_attempts 1 of 1";
    let end = ["fix_cycle_exhausted: consultant_invocations 1 of 1", "consultant:BLOCKED"];
    let (why, plans) = told(&site, "one");
    assert_eq!(
        why,
        ["builder:BUILDER_COMPLETE", "fix_cycle 1 of 1", "fixer:FIXER_COMPLETE", first, end[0], end[1]]
    );
    assert_eq!(plans, [old.as_str()]);
    let (why, plans) = told(&site, "two");
    assert_eq!(
        why,
        [
            "builder:BUILDER_COMPLETE",
            "fix_cycle 1 of 2",
            "fixer:FIXER_COMPLETE",
            "fix_cycle 2 of 2",
            "fixer:FIXER_COMPLETE",
            first,
            end[0],
            end[1]
        ]
    );
    assert_eq!(plans, [new.as_str()]);
    for (item, plan) in [("one", &old), ("two", &new)] {
        let recovery: toml::Table =
            toml::from_str(&site.show(&format!("recovery/task.{item}.toml"))).expect("TOML");
        let run = recovery["blocked"]["run"].as_str().expect("a run");
        let day = format!("{}-{}-{}", &run[..4], &run[4..6], &run[6..8]);
        let record = site.show(&format!("runs/{day}/{run}/run.toml"));
        assert!(record.contains(&format!("plan = \"{plan}\"\n")), "{record}");
    }

    // Texts are frozen as well: the checker of the first run worked by the old one, after the new one was selected.
    let mut texts: Vec<String> = std::fs::read_dir(site.sign(""))
        .expect("signs")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().contains("checker-"))
        .map(|path| std::fs::read_to_string(path).expect("a text"))
        .collect();
    texts.sort_by_key(|text| text.starts_with("# Mine"));
    assert_eq!(texts.len(), 2);
    assert!(!texts[0].contains("Check twice."), "{}", texts[0]);
    assert_eq!(texts[1], "# Mine\n\nCheck twice.\n");
    site.sound();
}

/// What was changed, in the words in which it was changed, and what follows of it; nothing else. Each place tells where
/// it is: a stage by its entrypoint, an edge by its counter.
#[test]
fn git_diff_between_two_plans_shows_what_changed_and_nothing_else() {
    let config = format!("[recovery]\nmax_fix_cycles = 1\n{SHORT}[stages.checker]\ntimeout_seconds = 60\n");
    let site = Site::with(TestRepo::with_commit(), &config, NEVER_GOOD);
    let old = selected(&site);
    write(&site, "max_fix_cycles = 1", "max_fix_cycles = 2");
    write(&site, "timeout_seconds = 60", "timeout_seconds = 90");
    site.repo.write("millrace-agents/skills/house/SKILL.md", "# House\n\nBe brief.\n");
    let mode = include_str!("../../src/assets/modes/standard_plain.yaml")
        .replace("stage_skill_additions: {}", "stage_skill_additions: {fixer: [skills/house/SKILL.md]}");
    site.repo.write("millrace-agents/modes/standard_plain.yaml", mode);
    site.ok(&["compile", "validate"]);
    let new = selected(&site);
    let trees = [&old, &new].map(|plan| format!("refs/millrace/state:plans/{plan}"));
    let diff = site.repo.git_output(&["diff", &trees[0], &trees[1]]);
    assert!(diff.status.success());
    let diff = text(&diff.stdout);
    // Where in the file a change stands moves with every key that a configuration gets.
    let shown: Vec<&str> = diff
        .lines()
        .filter(|line| !line.starts_with("index "))
        .map(|line| if line.starts_with("@@ ") { "@@" } else { line })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    diff --git a/files/config.toml b/files/config.toml
    --- a/files/config.toml
    +++ b/files/config.toml
    @@
     max_open_roots = 1
     
     [recovery]
    -max_fix_cycles = 1
    +max_fix_cycles = 2
     max_troubleshoot_attempts_before_consult = 1
     max_mechanic_attempts = 2
     max_consultant_invocations = 1
    @@
     [runners.scripted.env]
     
     [stages.checker]
    -timeout_seconds = 60
    +timeout_seconds = 90
    diff --git a/files/modes/standard_plain.yaml b/files/modes/standard_plain.yaml
    --- a/files/modes/standard_plain.yaml
    +++ b/files/modes/standard_plain.yaml
    @@
     # By stage: the path of other instructions, `entrypoints/...md`.
     stage_entrypoint_overrides: {}
     # By stage: the paths of further skills, `skills/.../SKILL.md`.
    -stage_skill_additions: {}
    +stage_skill_additions: {fixer: [skills/house/SKILL.md]}
     # By stage: the model that the harness is asked for.
     stage_model_bindings: {}
     # By stage: the runner. This and the model win over `[stages.<stage>]` of millrace.toml.
    diff --git a/files/skills/house/SKILL.md b/files/skills/house/SKILL.md
    new file mode 100644
    --- /dev/null
    +++ b/files/skills/house/SKILL.md
    @@
    +# House
    +
    +Be brief.
    diff --git a/plan.toml b/plan.toml
    --- a/plan.toml
    +++ b/plan.toml
    @@
     runner = "scripted"
     permission = "maximum"
     metered = false
    -timeout_seconds = 60
    +timeout_seconds = 90
     entrypoint = "entrypoints/execution/checker.md"
     skills = ["skills/stage/execution/checker-core/SKILL.md"]
     
    @@
     metered = false
     timeout_seconds = 3600
     entrypoint = "entrypoints/execution/fixer.md"
    -skills = ["skills/stage/execution/fixer-core/SKILL.md"]
    +skills = ["skills/stage/execution/fixer-core/SKILL.md", "skills/house/SKILL.md"]
     
     [stages.fixer.results]
     BLOCKED = "blocked"
    @@
     
     [execution.edges.bound]
     counter = "fix_cycle"
    -at_most = 1
    +at_most = 2
     exhausted = "fix_cycle_exhausted"
     
     [[execution.edges]]
    @@
     
     [execution.edges.bound]
     counter = "fix_cycle"
    -at_most = 1
    +at_most = 2
     exhausted = "fix_cycle_exhausted"
     
     [[execution.edges]]
    "#);
    let stat = site.repo.git(&["diff", "--stat=80", &trees[0], &trees[1]]);
    insta::assert_snapshot!(stat, @"
files/config.toml               | 4 ++--
files/modes/standard_plain.yaml | 2 +-
files/skills/house/SKILL.md     | 3 +++
plan.toml                       | 8 ++++----
4 files changed, 10 insertions(+), 7 deletions(-)
");
    // And back: the old one is there still, and selecting it freezes nothing anew.
    std::fs::remove_dir_all(site.repo.path().join("millrace-agents/modes")).expect("removed");
    write(&site, "max_fix_cycles = 2", "max_fix_cycles = 1");
    write(&site, "timeout_seconds = 90", "timeout_seconds = 60");
    site.ok(&["compile", "validate"]);
    assert_eq!(selected(&site), old);
    assert_eq!(site.paths().iter().filter(|path| path.ends_with("/plan.toml")).count(), 2);
    site.sound();
}
