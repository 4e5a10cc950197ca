//! What was spent: `usage`, `status`, `runs show`, and the commits.

use super::commands::{STRAIGHT, call, data, filtered, queue, said, script, task, well};
use crate::support::repo::TestRepo;

/// A harness that speaks as Claude does, and tells its cost; the checker's ends without a word about what it used.
const HARNESS: &str = r#"
cat > /dev/null
case $MILLRACE_STAGE in builder) r=BUILDER_COMPLETE;; checker) r=CHECKER_PASS;; *) r=UPDATE_COMPLETE;; esac
printf '{"nonce":"%s","terminal_result":"%s"}' "$MILLRACE_INVOCATION" $r > "$MILLRACE_RESULT_FILE"
usage='"usage":{"input_tokens":1200,"cache_read_input_tokens":900,"output_tokens":340},"total_cost_usd":0.0123,'
[ $MILLRACE_STAGE = checker ] && usage=
echo "{\"type\":\"result\",\"subtype\":\"success\",$usage\"is_error\":false,\"result\":\"Done.\"}"
"#;

fn spender(repo: &TestRepo, limits: &str) {
    let harness = repo.beside().join("harness.sh");
    std::fs::write(&harness, HARNESS).expect("a script");
    repo.write(
        "millrace-agents/millrace.toml",
        format!(
            "{limits}\n[runners]\ndefault_runner = \"claude_code\"\n[runners.claude_code]\ncommand = \"sh\"\n\
             args = [\"{}\"]\npermission_default = \"elevated\"\n",
            harness.display()
        ),
    );
    well(repo, &["compile", "validate"]);
}

/// The page without what depends on the clock.
fn page(repo: &TestRepo, arguments: &[&str]) -> String {
    let text = filtered(repo, &well(repo, arguments));
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let text = text.replace(&today, "[day]");
    let lines = text.lines().map(|line| {
        let line = match line.split_once("seconds      ") {
            Some((before, after)) => {
                format!("{before}seconds      [n]{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
            }
            None => line.to_owned(),
        };
        let line = match (line.rfind(" (").filter(|_| line.contains(" since [time]")), line.find(" s), run"))
        {
            (Some(from), Some(to)) if from < to => format!("{} ([age]{}", &line[..from], &line[to + 2..]),
            _ => line,
        };
        match line.find(" s, tokens") {
            Some(to) => {
                let before = line[..to].trim_end_matches(|c: char| c.is_ascii_digit());
                format!("{before}[n]{}", &line[to..])
            }
            None => line,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn nothing_was_spent_yet() {
    let repo = TestRepo::with_commit();
    insta::assert_snapshot!(page(&repo, &["usage"]), @"
    today, [day]
      tokens       0 spent, no limit
      cost in USD  0.00 spent, no limit
      launches     0 spent, no limit
      seconds      [n] spent, no limit
    ");
    script(&repo, STRAIGHT);
    queue(&repo, &task("a"));
    well(&repo, &["run", "daemon", "--until-idle"]);
    // Without a model there is nothing to tell.
    assert!(!well(&repo, &["status"]).contains("spen"));
}

#[test]
fn what_was_spent_without_a_limit_is_one_line_of_status() {
    let repo = TestRepo::with_commit();
    spender(&repo, "");
    queue(&repo, &task("a"));
    well(&repo, &["run", "once"]);
    let status = well(&repo, &["status"]);
    let line = status.lines().find(|line| line.contains("spent")).expect("a line");
    assert_eq!(line, "spent today: tokens 2440; cost 0.0123 USD; no limit on a day");
}

#[test]
fn what_was_spent_is_told_of_the_day_the_item_the_run_and_each_launch() {
    let repo = TestRepo::with_commit();
    spender(&repo, "[limits.per_day]\ntokens = 2000000\ncost_usd = 9.5\n[limits.per_item]\nlaunches = 2\n");
    let plan = well(&repo, &["compile", "show"]);
    for line in [
        "per_item.launches  2",
        "per_day.tokens     2000000",
        "per_day.cost_usd   9.50",
        "assumed.cost_usd   2.00",
    ] {
        assert!(plan.contains(&format!("\n{line}\n")), "{line}: {plan}");
    }
    queue(&repo, &task("a"));
    well(&repo, &["run", "once"]);
    insta::assert_snapshot!(page(&repo, &["status"]), @"
    workspace  [repo]
    ledger     number 5, [oid]
    plan       plan-standard_plain-[id]
    mode       standard_plain
    runtime    none

    !! work is queued and nothing runs it: start `millrace run daemon`

    task/a is routed to execution/checker, since [time] ([age]), run [run]; no runtime lives

           queued  waiting  held  active  blocked  done  archived
    tasks  0       0        0     1       0        0     0

    spending:
      today, [day]  tokens       2440 spent, limit 2000000, 1997560 left
      today, [day]  cost in USD  0.0123 spent, limit 9.50, 9.4877 left
      task/a             tokens       2440 spent, no limit
      task/a             cost in USD  0.0123 spent, no limit
      task/a             launches     1 spent, limit 2, 1 left

    next: start execution/checker for task/a
    ");
    insta::assert_snapshot!(page(&repo, &["usage"]), @"
    today, [day]
      tokens       2440 spent, limit 2000000, 1997560 left
      cost in USD  0.0123 spent, limit 9.50, 9.4877 left
      launches     1 spent, no limit
      seconds      [n] spent, no limit

    task/a
      tokens       2440 spent, no limit
      cost in USD  0.0123 spent, no limit
      launches     1 spent, limit 2, 1 left
      seconds      [n] spent, no limit
      run [run]  active  1 launch, [n] s, tokens 2440, USD 0.0123
    ");
    well(&repo, &["run", "once"]);
    // The launches of the item are used up.
    insta::assert_snapshot!(page(&repo, &["usage"]), @"
    today, [day]
      tokens       2440 spent, unknown of 1 launch (500000 assumed), limit 2000000, 1497560 left
      cost in USD  0.0123 spent, unknown of 1 launch (2.00 assumed), limit 9.50, 7.4877 left
      launches     2 spent, no limit
      seconds      [n] spent, no limit

    task/a
      tokens       2440 spent, unknown of 1 launch (500000 assumed), no limit
      cost in USD  0.0123 spent, unknown of 1 launch (2.00 assumed), no limit
      launches     2 spent, limit 2, 0 left
      seconds      [n] spent, no limit
      run [run]  blocked  2 launches, [n] s, tokens 2440 and 1 launch unknown, USD 0.0123 and 1 launch unknown
    ");
    insta::assert_snapshot!(page(&repo, &["usage", "a"]), @"
    task/a
      tokens       2440 spent, unknown of 1 launch (500000 assumed), no limit
      cost in USD  0.0123 spent, unknown of 1 launch (2.00 assumed), no limit
      launches     2 spent, limit 2, 0 left
      seconds      [n] spent, no limit
      run [run]  blocked  2 launches, [n] s, tokens 2440 and 1 launch unknown, USD 0.0123 and 1 launch unknown
        launch      input    from cache  into cache  output  reasoning  USD     by
        01-builder  1200     900         unknown     340     unknown    0.0123  harness
        02-checker  unknown
    ");
    let run =
        data(&repo, "usage", &["usage"])["items"][0]["runs"][0]["run"].as_str().expect("a run").to_owned();
    insta::assert_snapshot!(page(&repo, &["usage", "--run", &run]), @"
    task/a
      run [run]  blocked  2 launches, [n] s, tokens 2440 and 1 launch unknown, USD 0.0123 and 1 launch unknown
        launch      input    from cache  into cache  output  reasoning  USD     by
        01-builder  1200     900         unknown     340     unknown    0.0123  harness
        02-checker  unknown
    ");
    let shown = filtered(&repo, &well(&repo, &["runs", "show", &run]));
    assert!(shown.contains("\ncost      0.0123 USD\n"), "{shown}");
    assert!(shown.contains("\n  cost      0.0123 USD (harness)\n"), "{shown}");
    let costs = repo.git(&["log", "--format=%(trailers:key=Millrace-Cost,valueonly)", "refs/millrace/state"]);
    assert_eq!(costs.split_whitespace().collect::<Vec<_>>(), ["0.0123", "(harness)"]);
}

#[test]
fn what_is_closed_is_told_from_its_runs_and_json_has_unknown_as_nothing() {
    let repo = TestRepo::with_commit();
    spender(&repo, "[limits.assumed]\ntokens = 7000\n");
    queue(&repo, &task("a"));
    well(&repo, &["run", "daemon", "--until-idle"]);
    insta::assert_snapshot!(page(&repo, &["usage", "a"]), @"
    task/a
      tokens       4880 spent, unknown of 1 launch (7000 assumed), no limit
      cost in USD  0.0246 spent, unknown of 1 launch (2.00 assumed), no limit
      launches     3 spent, no limit
      seconds      [n] spent, no limit
      run [run]  done  3 launches, [n] s, tokens 4880 and 1 launch unknown, USD 0.0246 and 1 launch unknown
        launch      input    from cache  into cache  output  reasoning  USD     by
        01-builder  1200     900         unknown     340     unknown    0.0123  harness
        02-checker  unknown
        03-updater  1200     900         unknown     340     unknown    0.0123  harness
    ");
    insta::assert_snapshot!(page(&repo, &["usage"]), @"
    today, [day]
      tokens       4880 spent, unknown of 1 launch (7000 assumed), no limit
      cost in USD  0.0246 spent, unknown of 1 launch (2.00 assumed), no limit
      launches     3 spent, no limit
      seconds      [n] spent, no limit
    ");
    let item = data(&repo, "usage_item", &["usage", "task/a"]);
    let account = &item["account"];
    assert_eq!(account["tokens"]["spent"], 4880, "{account:#}");
    assert_eq!(account["tokens"]["unknown_launches"], 1);
    assert_eq!(account["tokens"]["assumed"], 7000);
    assert_eq!(account["cost_usd"]["spent"], "0.0246");
    let launches = &item["runs"][0]["launches"];
    assert_eq!(launches[0]["usage"]["cost"], "0.0123", "{launches:#}");
    assert_eq!(launches[1]["usage"], serde_json::json!({}), "unknown is no number");
    // Another item's runs are its own.
    queue(&repo, &task("b"));
    well(&repo, &["run", "daemon", "--until-idle"]);
    let item = data(&repo, "usage_item", &["usage", "task/a"]);
    assert_eq!(item["runs"].as_array().map(Vec::len), Some(1), "{item:#}");
    assert_eq!(item["account"]["tokens"]["spent"], 4880);
}

/// What nobody knows is not shown as nothing.
#[test]
fn where_no_launch_told_anything_nothing_is_known() {
    let repo = TestRepo::with_commit();
    spender(&repo, "");
    // A harness that has no word about what it used.
    let silent = HARNESS.replace("= checker ]", "!= none ]");
    std::fs::write(repo.beside().join("harness.sh"), silent).expect("a script");
    queue(&repo, &task("a"));
    well(&repo, &["run", "once"]);
    let usage = data(&repo, "usage", &["usage"]);
    for account in [&usage["accounts"][0], &usage["items"][0]["account"]] {
        for measure in ["tokens", "cost_usd"] {
            assert_eq!(account[measure]["spent"], serde_json::Value::Null, "{account:#}");
            assert_eq!(account[measure]["unknown_launches"], 1);
        }
        assert_eq!(account["launches"]["spent"], 1);
    }
    let text = well(&repo, &["usage"]);
    assert!(text.contains("\n  tokens       unknown of 1 launch (500000 assumed), no limit\n"), "{text}");
}

#[test]
fn a_limit_that_is_reached_is_a_reason_with_what_to_do() {
    let repo = TestRepo::with_commit();
    spender(&repo, "[limits.per_day]\ncost_usd = 0.01\n");
    queue(&repo, &task("a"));
    well(&repo, &["run", "once"]);
    let midnight = |text: String| {
        let tomorrow = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).tomorrow().expect("a day");
        text.replace(&tomorrow.strftime("%Y-%m-%d").to_string(), "[tomorrow]")
    };
    insta::assert_snapshot!(midnight(said(&repo, &call(&repo, &["run", "once"]))), @"
    exit 0
    run_mode  once
    plan      plan-standard_plain-[id]
    mode      standard_plain
    outcome   waits
    waits     budget: today: 0.0123 USD, the limit is 0.01 (limits.per_day.cost_usd), until [time]; raise it in the configuration and `millrace compile validate`, or wait for the next day
    ");
    let status = page(&repo, &["status"]);
    let next = status.lines().last().expect("a line").to_owned();
    insta::assert_snapshot!(next, @"next: budget: today: 0.0123 USD, the limit is 0.01 (limits.per_day.cost_usd); raise it in the configuration and `millrace compile validate`, or wait for the next day, until [time]");
    let shown = well(&repo, &["queue", "ls"]);
    assert!(
        shown.contains("dispatch rests: budget: today: 0.0123 USD, the limit is 0.01 (limits.per_day.cost_usd), until ")
            && shown.ends_with("; raise it in the configuration and `millrace compile validate`, or wait for the next day; no runtime lives\n"),
        "{shown}"
    );
}

#[test]
fn what_usage_does_not_take() {
    let repo = TestRepo::with_commit();
    well(&repo, &["init"]);
    insta::assert_snapshot!(said(&repo, &call(&repo, &["usage", "no-such"])), @"
    exit 1
    ! millrace: there is no item no-such
    ! hint: `millrace queue ls` shows what is open
    ");
    insta::assert_snapshot!(said(&repo, &call(&repo, &["usage", "--run", "x"])), @"
    exit 1
    ! millrace: there is no run and no item x
    ! hint: `millrace queue ls` shows what is open, `millrace runs ls` the runs
    ");
    insta::assert_snapshot!(said(&repo, &call(&repo, &["usage", "a", "--run", "20260101"])), @"
    exit 2
    ! millrace: the argument '[ITEM|RUN]' cannot be used with '--run <RUN|ITEM>'
    ! hint: `millrace usage --help` shows what there is
    ");
}
