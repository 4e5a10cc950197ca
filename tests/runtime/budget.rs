//! Limits on what launches use, through the whole program, with small programs in the place of harnesses.

use std::time::{Duration, Instant};

use super::site::{Site, text};

/// A harness that speaks as Codex does, and uses 1240 tokens a stage.
const CODEX: &str = r#"
cat > /dev/null
case $MILLRACE_STAGE in builder) r=BUILDER_COMPLETE;; checker) r=CHECKER_PASS;; *) r=UPDATE_COMPLETE;; esac
printf '{"nonce":"%s","terminal_result":"%s"}' "$MILLRACE_INVOCATION" $r > "$MILLRACE_RESULT_FILE"
echo '{"type":"turn.completed","usage":{"input_tokens":1000,"cached_input_tokens":900,"output_tokens":240}}'
"#;

/// A harness that speaks as Claude does: a message of 40 tokens every tenth of a second, without an end.
const CLAUDE: &str = r#"
cat > /dev/null
echo half > half.txt
n=0
while [ $n -lt 900 ]; do
  n=$((n + 1))
  echo "{\"type\":\"assistant\",\"message\":{\"id\":\"m$n\",\"usage\":{\"input_tokens\":40,\"output_tokens\":1}}}"
  sleep 0.1
done
"#;

/// A site whose stages are all this script, called as Codex is.
fn codex(limits: &str) -> Site {
    let site = Site::commanded("", CODEX);
    limit(&site, limits);
    site
}

/// Sets limits, and compiles.
fn limit(site: &Site, limits: &str) {
    let harness = site.repo.beside().join("harness.sh");
    site.configure(&format!(
        "{limits}\n[runners.codex]\ncommand = \"sh\"\nargs = [\"{}\"]\n",
        harness.display()
    ));
}

/// A site whose stages are all this script, called as Claude is.
fn claude(limits: &str) -> Site {
    let site = Site::commanded("", CLAUDE);
    let harness = site.repo.beside().join("harness.sh");
    site.configure(&format!(
        "{limits}\n[runners]\ndefault_runner = \"claude_code\"\n[runners.claude_code]\ncommand = \"sh\"\n\
         args = [\"{}\"]\npermission_default = \"elevated\"\n",
        harness.display()
    ));
    site
}

/// The class and the reason of a blocked task.
#[track_caller]
fn blocked(site: &Site, id: &str) -> (String, String) {
    assert_eq!(site.state_of(id), "blocked");
    let recovery: toml::Table =
        toml::from_str(&site.show(&format!("recovery/task.{id}.toml"))).expect("a record");
    let of = |key: &str| recovery["blocked"][key].as_str().expect("a text").to_owned();
    (of("class"), of("reason"))
}

fn findings(result: &toml::Table) -> Vec<String> {
    let findings = result.get("findings").and_then(|all| all.as_array()).cloned().unwrap_or_default();
    findings.iter().filter_map(|finding| finding.as_str().map(str::to_owned)).collect()
}

#[test]
fn a_stage_that_exceeds_the_tokens_of_its_item_is_ended_while_it_runs() {
    let site = claude("[limits.per_item]\ntokens = 200\n");
    site.add("one");
    let begin = Instant::now();
    assert_eq!(site.work()["reason"], "idle");
    assert!(begin.elapsed() < Duration::from_secs(60), "the harness alone takes 90 s");
    let (class, reason) = blocked(&site, "one");
    assert_eq!(class, "tokens_exhausted");
    assert!(reason.ends_with(" tokens, the limit is 200 (limits.per_item.tokens)"), "{reason}");
    let result = site.result("01-builder");
    assert_eq!(result["judgement"]["by"].as_str(), Some("budget"), "{result}");
    let used = result["usage"]["input_uncached"].as_integer().expect("a number");
    assert!((201..2000).contains(&used), "{used}");
    let findings = findings(&result);
    assert!(
        findings.iter().any(|found| found.starts_with("ended by a limit: this item: ")
            && found.ends_with(" tokens, the limit is 200 (limits.per_item.tokens)")),
        "{findings:?}"
    );
    assert!(!site.repo.path().join("half.txt").exists(), "what it had begun is back");
    assert_eq!(site.repo.git(&["show", &format!("{}:half.txt", site.run_branch())]), "half");
    site.sound();
}

#[test]
fn a_stage_that_exceeds_its_cost_is_ended_by_the_prices_of_the_configuration() {
    // 40 tokens a message at 100 USD a million: 0.004 USD.
    let site = claude(
        "[limits.per_day]\ncost_usd = 0.01\n[prices.\"model-1.5\"]\ninput = 100\noutput = 100\n\
         [stages.builder]\nmodel = \"model-1.5\"\n",
    );
    site.add("one");
    let answer = site.json(&["run", "once"]);
    assert_eq!(answer["why"], "budget", "{answer:#}");
    let result = site.result("01-builder");
    let usage = &result["usage"];
    assert_eq!(usage["cost_source"].as_str(), Some("priced"), "{usage}");
    let cost: f64 = usage["cost"].as_str().and_then(|cost| cost.parse().ok()).expect("an amount");
    assert!(cost > 0.01, "{cost}");
    // It waits for the next day, or for a higher limit; one that fits into none does not begin for ever.
    let run = site.show(&site.path("active/", ".toml"));
    assert!(run.contains("spent = 1\n") && run.contains("interruptions = 1\n"), "{run}");
    site.json(&["run", "once"]);
    let answer = site.json(&["run", "once"]);
    assert_eq!(
        (answer["outcome"].as_str(), answer["cause"].as_str()),
        (Some("waits"), Some("budget")),
        "{answer:#}"
    );
    assert!(answer["until"].as_str().is_some_and(|until| until.ends_with("T00:00:00Z")), "{answer:#}");
    site.sound();
}

#[test]
fn a_stage_that_exceeds_the_time_of_its_item_is_ended_whatever_it_says() {
    let site = Site::commanded("[limits.per_item]\nwall_seconds = 1\n", "exec sleep 60\n");
    site.add("one");
    let begin = Instant::now();
    let output = site.run(&["run", "once"]);
    assert!(begin.elapsed() < Duration::from_secs(40), "{}", text(&output.stdout));
    let (class, reason) = blocked(&site, "one");
    assert_eq!(class, "wall_time_exhausted");
    assert!(
        reason.ends_with(" seconds of stages, the limit is 1 (limits.per_item.wall_seconds)"),
        "{reason}"
    );
    site.sound();
}

#[test]
fn an_item_that_has_had_its_launches_is_blocked() {
    let site = codex("[limits.per_item]\nlaunches = 2\n");
    site.add("one");
    assert_eq!(site.work()["reason"], "idle");
    let (class, reason) = blocked(&site, "one");
    assert_eq!(class, "launches_exhausted");
    assert_eq!(reason, "this item: 2 launches, the limit is 2 (limits.per_item.launches)");
    // Let go on, it begins with nothing.
    site.ok(&["retry", "one", "--reason", "look again"]);
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(site.state_of("one"), "done");
    site.sound();
}

#[test]
fn the_limit_of_the_day_is_a_wait_until_the_next_one_and_a_higher_one_counts_at_once() {
    let site = codex("[limits.per_day]\ntokens = 2000\n");
    site.add("one");
    let answer = site.work();
    assert_eq!(answer["reason"], "waiting", "{answer:#}");
    assert_eq!(answer["waits"]["cause"], "budget", "{answer:#}");
    assert!(
        answer["waits"]["until"].as_str().is_some_and(|until| until.ends_with("T00:00:00Z")),
        "{answer:#}"
    );
    let detail = answer["waits"]["detail"].as_str().expect("words");
    assert_eq!(detail, "today: 2480 tokens, the limit is 2000 (limits.per_day.tokens)");
    assert_eq!(site.state_of("one"), "active");
    // Another daemon waits as well: the day is not its own.
    assert_eq!(site.work()["stages"], 0);
    limit(&site, "[limits.per_day]\ntokens = 20000\n");
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(site.state_of("one"), "done");
    site.sound();
}

/// A limit that is raised while a stage runs holds it no longer.
#[test]
fn a_limit_that_is_raised_while_a_stage_runs_lets_it_go_on() {
    let slow =
        CODEX.replacen("cat >", "[ $MILLRACE_STAGE != builder ] || { : > @/runs; sleep 4; }\ncat >", 1);
    let site = Site::commanded("", "");
    let signs = site.sign("").display().to_string();
    std::fs::write(site.repo.beside().join("harness.sh"), slow.replace("@/", &signs)).expect("a harness");
    limit(&site, "[limits.per_day]\nwall_seconds = 2\n");
    site.add("one");
    let daemon = site.daemon(&["--until-idle"]);
    site.await_sign("runs");
    limit(&site, "[limits.per_day]\nwall_seconds = 2000\n");
    daemon.ended();
    assert_eq!(site.state_of("one"), "done");
    let builders = site.paths().into_iter().filter(|path| path.ends_with("-builder/result.toml")).count();
    assert_eq!(builders, 1, "nothing is done twice");
    site.sound();
}

#[test]
fn the_limit_of_a_daemon_is_for_each_one() {
    let site = codex("[limits.per_daemon]\nlaunches = 1\n");
    site.add("one");
    for done in [false, false, true] {
        let answer = site.work();
        assert_eq!(answer["stages"], 1, "{answer:#}");
        assert_eq!(answer["reason"], if done { "idle" } else { "waiting" }, "{answer:#}");
        assert_eq!(answer["waits"]["until"], serde_json::Value::Null);
    }
    assert_eq!(site.state_of("one"), "done");
    site.sound();
}

#[test]
fn what_ended_by_itself_counts_as_it_is() {
    // Over the limit with its last word: nothing is left to end.
    let site = codex("[limits.per_item]\ntokens = 2000\n");
    site.add("one");
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(blocked(&site, "one").0, "tokens_exhausted");
    let result = site.result("02-checker");
    assert_eq!(result["judgement"]["result"].as_str(), Some("CHECKER_PASS"), "{result}");
    assert!(!findings(&result).iter().any(|found| found.contains("limit")), "{result}");
    site.sound();
}
