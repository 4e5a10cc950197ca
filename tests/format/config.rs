//! The configuration: what is accepted, what is refused and in which words.

use millrace::domain::ids::RunnerName;
use millrace::domain::permission::{PermissionLevel, PermissionRule};
use millrace::format::config::{
    BOUNDARIES, Config, ConfigError, Loaded, Setting, bootstrap_text, boundary_of, changed_keys,
    effective_toml, parse, parse_frozen, settings,
};
use millrace::format::secrets::Search;
use proptest::prelude::*;

use super::fixtures;

fn accepted(name: &str) -> Loaded {
    let bytes = fixtures::one("config/accepted", name);
    let text = String::from_utf8(bytes).expect("UTF-8");
    parse(&text, "millrace.toml").unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn all_accepted_configurations_are_accepted_with_their_warnings() {
    let mut seen = Vec::new();
    for (name, _) in fixtures::all("config/accepted") {
        seen.push(format!("{name}\n"));
        for warning in accepted(&name).warnings {
            seen.push(format!("  {warning}\n"));
        }
    }
    insta::assert_snapshot!(seen.concat(), @"
    budgets
    empty
    every-key-of-a-contract
    every-key-of-the-reference
      millrace.toml:3: runtime.run_style: has no effect; `millrace run once` and `millrace run daemon` say it
      millrace.toml:24: recovery.stale_state_recovery_enabled: has no effect; recovery reads the last commit, at every start
    hooks
    own-keys
      millrace.toml:35: runners.second-agent.env.API_TOKEN: its value is frozen into plans, and commits are for ever; use `env_pass` for a secret
    ");
}

#[test]
fn all_refused_configurations_are_refused_in_one_line_that_says_what_is_expected() {
    let mut seen = Vec::new();
    for (name, bytes) in fixtures::all("config/refused") {
        let text = String::from_utf8(bytes).expect("UTF-8");
        let error: ConfigError = parse(&text, "millrace.toml").expect_err(&name);
        let line = error.to_string();
        assert!(!line.chars().any(char::is_control), "{name}: {line:?}");
        assert!((1..=text.lines().count()).contains(&error.line), "{name}: line {}", error.line);
        seen.push(format!("{name}\n  {line}\n"));
    }
    insta::assert_snapshot!(seen.concat(), @r#"
    argv-control-character
      millrace.toml:2: runners.command.argv: item 1 holds a control character; expected printable text
    argv-far-variable
      millrace.toml:2: runners.command.argv: `{colour}` is no variable; expected `workdir`, `run_dir`, `inv_dir`, `result_file`, `result_dir`, `outbox`, `prompt_file`, `prompt`, `git_common_dir`, `final_file`, `session`, `model`, `stage`, `attempt`, `millrace`, `command`, `profile`, `script`, `args`, `extra_config`, `skip_git_repo_check` or `level` in braces, or `{{` for a brace
    argv-first-is-a-group
      millrace.toml:2: runners.command.argv: names no program; expected the program and its arguments, such as `["my-agent", "--quiet"]`
    argv-list-in-text
      millrace.toml:2: runners.command.argv: `{args}` is a list, and `--all={args}` holds more than it; expected a list as an argument of its own, or once in a list of arguments that belong together
    argv-number
      millrace.toml:2: runners.command.argv: item 2 is neither text nor a list of texts; expected a list of texts, with arguments that belong together in a list of their own: `["agent", ["-m", "{model}"]]`
    argv-table
      millrace.toml:3: runners.command.argv: item 2 is neither text nor a list of texts; expected a list of texts, with arguments that belong together in a list of their own: `["agent", ["-m", "{model}"]]`
    argv-two-lists
      millrace.toml:2: runners.command.argv: `{args}` is a list, and `[{args} {extra_config}]` holds more than it; expected a list as an argument of its own, or once in a list of arguments that belong together
    argv-unclosed
      millrace.toml:2: runners.command.argv: `a{workdir` has a `{` without a `}`; expected `{{` for a brace
    argv-unknown-variable
      millrace.toml:4: runners.command.argv: `{workdri}` is no variable; expected `{workdir}`
    argv-with-session
      millrace.toml:2: runners.command.argv: `{session}` is known to `resume_argv` only; expected `{session}` there
    bad-mode
      millrace.toml:2: runtime.default_mode: `../x` is not valid; expected the id of a mode, such as `standard_plain`
    bad-pattern
      millrace.toml:2: snapshot.exclude: item 2 is no pattern: `a[b`; expected patterns such as `*.key` or `build/**`
    between-items
      millrace.toml:2: workspace.between_items: found `keep`; expected `restore`, `wait` or `carry`
    codex-as-default
      millrace.toml:2: runners.default_runner: there is no runner `codex`; expected `codex_cli`
    codex-by-its-runner-name
      millrace.toml:1: runners.codex_cli: this section is not known; expected `[runners.codex]`, the table of the runner `codex_cli`
    command-empty-argv
      millrace.toml:2: runners.command.argv: names no program; expected the program and its arguments, such as `["my-agent", "--quiet"]`
    command-kind
      millrace.toml:2: runners.command.kind: found `shell`; expected `command`
    command-missing
      millrace.toml:1: runners.command.command: is missing; expected the program that `{command}` stands for
    command-unused
      millrace.toml:3: runners.command.command: has no effect: no command line uses it; expected `{command}` in `argv`, or no such key
    command-without-argv
      millrace.toml:1: runners.command.argv: is missing; expected the program and its arguments, such as `["my-agent", "--quiet"]`
    command-without-table
      millrace.toml:2: runners.default_runner: there is no runner `command`; expected `[runners.command]` with an `argv`
    control-character
      millrace.toml:2: runners.codex.command: holds the control character U+0007; expected printable text
    duplicate-key
      millrace.toml:3: not TOML: duplicate key; expected `key = value` or `[section]`
    empty-text
      millrace.toml:2: runners.codex.command: the text is empty; expected some text, or no such key
    env-name
      millrace.toml:2: runners.codex.env.A=B: `A=B` is not valid; expected the name of a variable: letters, digits and `_`
    env-needs-name
      millrace.toml:2: runners.codex.env_needs: `*` is not valid; expected the name of a variable: letters, digits and `_`, with a `*` at the end for all that begin so
    env-number
      millrace.toml:2: runners.codex.env.LEVEL: found a whole number; expected text in quotes
    env-pass-name
      millrace.toml:2: runners.codex.env_pass: `NOT OK` is not valid; expected the name of a variable: letters, digits and `_`, with a `*` at the end for all that begin so
    exit-in-both
      millrace.toml:3: runners.codex.infra_exits: 75 is in `ok_exits` and in `infra_exits`; expected each code in one of them
    final-file-elsewhere
      millrace.toml:3: runners.command.final_file: is not in a folder of the launch; expected a path that begins with `{inv_dir}/` or `{run_dir}/`
    final-file-missing
      millrace.toml:1: runners.command.final_file: is missing; expected the file that `{final_file}` stands for
    final-file-unknown-variable
      millrace.toml:2: runners.codex.final_file: `{inv}` is no variable; expected `workdir`, `run_dir`, `inv_dir`, `result_file`, `result_dir`, `outbox`, `prompt_file`, `prompt`, `git_common_dir`, `final_file`, `session`, `model`, `stage`, `attempt`, `millrace`, `command`, `profile`, `script`, `args`, `extra_config`, `skip_git_repo_check` or `level` in braces, or `{{` for a brace
    final-file-variable
      millrace.toml:2: runners.codex.final_file: `{args}` cannot stand here; expected other variables
    fraction
      millrace.toml:2: limits.max_interruptions: found a number with a fraction; expected a whole number from 1 to 4294967295
    grace-too-short
      millrace.toml:2: runners.codex.grace_seconds: found `9`; expected a whole number from 10 to 31536000
    hook-rule-hook
      millrace.toml:4: hooks.rules[1].on: found `post-push`; expected `post-receive`, `pre-push`, `post-commit` or `post-merge`
    hook-rule-near-key
      millrace.toml:3: hooks.rules[1].trailer: this key is not known; expected `hooks.rules[1].trailers`
    hook-rules-as-table
      millrace.toml:1: hooks.rules: found a table; expected tables, written `[[hooks.rules]]`
    idle-sleep-nan
      millrace.toml:2: runtime.idle_sleep_seconds: found `nan`; expected a number over 0, at most 31536000
    idle-sleep-zero
      millrace.toml:2: runtime.idle_sleep_seconds: found `0.0`; expected a number over 0, at most 31536000
    infra-exit-zero
      millrace.toml:3: runners.command.infra_exits: item 2 is no exit code; expected a list of exit codes from 1 to 255, such as `[69, 75]`
    key-of-another-section
      millrace.toml:2: limits.max_consultant_invocations: this key is not known; expected it under `[recovery]`
    key-outside-its-section
      millrace.toml:1: default_mode: this key is not known; expected it under `[runtime]`
    kind-near
      millrace.toml:2: runners.mine.kind: found `claude-code`; expected `codex_cli`, `claude_code`, `aider`, `command` or `scripted` (did you mean `claude_code`?)
    kind-of-a-shipped-name
      millrace.toml:2: runners.claude_code.kind: found `codex_cli`; expected `claude_code`
    ledger-key
      millrace.toml:2: ledger.sing: this key is not known; expected `ledger.sign`
    ledger-sign
      millrace.toml:2: ledger.sign: found `sometimes`; expected `auto`, `always` or `never`
    level-far-name
      millrace.toml:2: runners.claude_code.enforced_by.full: this is no permission level; expected `basic`, `elevated` or `maximum`
    level-holds-session
      millrace.toml:2: runners.codex.levels.basic: `{session}` cannot stand here; expected other variables
    level-name
      millrace.toml:2: runners.claude_code.levels.maximun: this is no permission level; expected `maximum`
    level-not-in-argv
      millrace.toml:2: runners.codex.argv: has no `{level}`, so that the levels would mean nothing; expected `{level}` where the flags of the permission level belong
    level-without-levels
      millrace.toml:2: runners.command.argv: has `{level}`, and no level is defined; expected `[runners.command.levels]` with the arguments of each level
    limit-assumed-launches
      millrace.toml:2: limits.assumed.launches: this key is not known; expected `tokens` or `cost_usd`: what else a launch uses is always known
    limit-cost-too-fine
      millrace.toml:2: limits.per_day.cost_usd: found `0.1234567`; expected US dollars over 0 with at most six decimals, such as `2.50`
    limit-cost-truth
      millrace.toml:2: limits.per_day.cost_usd: found `true` or `false`; expected US dollars over 0 with at most six decimals, such as `2.50`
    limit-cost-words
      millrace.toml:2: limits.per_day.cost_usd: found `5 dollars`; expected US dollars over 0 with at most six decimals, such as `2.50`
    limit-cost-zero
      millrace.toml:2: limits.per_item.cost_usd: found `0`; expected US dollars over 0 with at most six decimals, such as `2.50`
    limit-is-no-table
      millrace.toml:2: limits.per_day: found a whole number; expected a table, written `[limits.per_day]`
    limit-near-key
      millrace.toml:2: limits.per_item.cost: this key is not known; expected `tokens`, `cost_usd`, `launches` or `wall_seconds`
    limit-near-table
      millrace.toml:1: limits.per_items: this section is not known; expected `limits.per_item`
    limit-outside-its-table
      millrace.toml:2: limits.wall_seconds: this key is not known; expected it under `[limits.per_item]`, `[limits.per_day]` or `[limits.per_daemon]`
    limit-tokens-zero
      millrace.toml:2: limits.per_item.tokens: found `0`; expected a whole number from 1 to 9223372036854775807
    limit-wall-too-long
      millrace.toml:2: limits.per_daemon.wall_seconds: found `99999999999`; expected a whole number from 1 to 31536000
    list-as-text
      millrace.toml:2: runners.codex.args: found text; expected a list of texts, such as `["one", "two"]`
    list-of-numbers
      millrace.toml:4: runners.codex.args: item 2 is a whole number; expected a list of texts, such as `["one", "two"]`
    mapping-gather
      millrace.toml:6: runners.command.mapping.rules[1].gather: found `add`; expected `last`, `sum`, `max` or `join`
    mapping-key
      millrace.toml:4: runners.command.mapping.rule: this key is not known; expected `runners.command.mapping.rules`
    mapping-path
      millrace.toml:5: runners.command.mapping.rules[1].take.output: `usage..out` is no path; expected names with dots between them: `item.text`
    mapping-rule-as-text
      millrace.toml:4: runners.command.mapping.rules[1]: found text; expected `[[runners.command.mapping.rules]]`, one table for each kind of line
    mapping-rule-key
      millrace.toml:7: runners.command.mapping.rules[2].takes: this section is not known; expected `runners.command.mapping.rules[2].take`
    mapping-rules-as-table
      millrace.toml:4: runners.command.mapping.rules: found a table; expected `[[runners.command.mapping.rules]]`, one table for each kind of line
    mapping-scope
      millrace.toml:4: runners.command.mapping.cost_is: found `thread`; expected `run` or `session`
    mapping-takes-near
      millrace.toml:5: runners.command.mapping.rules[1].take.sessionid: nothing of this name can be taken; expected `session_id`
    mapping-takes-nothing
      millrace.toml:4: runners.command.mapping.rules[1].take: takes nothing; expected `take = { final_message = "path.to.it" }`
    mapping-when-path-unquoted
      millrace.toml:5: runners.command.mapping.rules[1].when.item: found a table; expected text in quotes
    mapping-without-parser
      millrace.toml:3: runners.command.mapping: the parser `text` takes no mapping; expected `parser = "jsonl"` or `parser = "json"`
    mapping-without-rules
      millrace.toml:4: runners.command.mapping.rules: is missing; expected `[[runners.command.mapping.rules]]`, one table for each kind of line
    metered-text
      millrace.toml:2: runners.codex.metered: found text; expected `true` or `false`
    near-default-runner
      millrace.toml:2: runners.defaultrunner: this key is not known; expected `runners.default_runner`
    near-key
      millrace.toml:3: runtime.default-mode: this key is not known; expected `runtime.default_mode`
    near-key-in-runner
      millrace.toml:2: runners.codex.envpass: this key is not known; expected `runners.codex.env_pass`
    near-runner-name
      millrace.toml:2: runners.default_runner: there is no runner `codex-cli`; expected `codex_cli`
    near-runner-table
      millrace.toml:1: runners.codx: this section is not known; expected `[runners.codex]`, or `kind = "command"` for a runner of your own
    near-section
      millrace.toml:1: runner: this section is not known; expected `[runners]`
    negative
      millrace.toml:2: stages.builder.timeout_seconds: found `-1`; expected a whole number from 1 to 31536000
    not-toml
      millrace.toml:2: not TOML: string values must be quoted, expected literal string; expected `key = value` or `[section]`
    number-for-text
      millrace.toml:2: runtime.default_mode: found a whole number; expected text in quotes
    ok-exit-text
      millrace.toml:2: runners.codex.ok_exits: item 2 is no exit code; expected a list of exit codes from 0 to 255, such as `[69, 75]`
    output-too-small
      millrace.toml:2: runners.codex.output_bytes: found `1000`; expected a whole number from 65536 to 4294967296
    own-runner-bad-name
      millrace.toml:1: runners.Mine: `Mine` is not valid; expected the name of a runner: lower-case letters, digits, `.`, `_` or `-`
    own-runner-without-kind
      millrace.toml:1: runners.mine.kind: is missing; expected `kind = "command"`, for a runner of your own with an `argv`, or another contract to start from: `codex_cli`, `claude_code`, `aider`, `command` or `scripted`
    own-timeout-zero
      millrace.toml:2: runners.codex.timeout_seconds: found `0`; expected a whole number from 1 to 31536000
    parser-without-mapping
      millrace.toml:3: runners.command.parser: needs a mapping; expected `[[runners.command.mapping.rules]]`: what is taken from which lines
    parser-word
      millrace.toml:2: runners.codex.parser: found `jsnol`; expected `codex_jsonl`, `claude_stream`, `jsonl`, `json` or `text` (did you mean `jsonl`?)
    permission-as-text
      millrace.toml:2: runners.codex.permission_by_model: found text; expected a table, written `[runners.codex.permission_by_model]`
    permission-level
      millrace.toml:2: runners.codex.permission_default: found `max`; expected `basic`, `elevated` or `maximum`
    permission-level-near
      millrace.toml:2: runners.codex.permission_by_stage.builder: found `maximun`; expected `basic`, `elevated` or `maximum` (did you mean `maximum`?)
    price-exponent
      millrace.toml:2: prices.one.input: found `1e-3`; expected US dollars with at most six decimals, such as `2.50`
    price-is-no-table
      millrace.toml:2: prices.one: found a whole number; expected a table, written `[prices.one]`
    price-model-with-a-dot
      millrace.toml:1: prices.model-1.5: this section is not known; expected the name of a model, in quotes where it holds a dot: `[prices."model-1.5"]`
    price-near-key
      millrace.toml:4: prices.one.cached: this key is not known; expected `input`, `cache_read`, `cache_write` or `output`
    price-negative
      millrace.toml:2: prices.one.input: found `-2`; expected US dollars with at most six decimals, such as `2.50`
    price-of-a-tier
      millrace.toml:1: prices.tier:strong: `tier:strong` is a tier; expected the name of a model, in quotes where it holds a dot: `[prices."model-1.5"]`
    price-without-output
      millrace.toml:1: prices.one.output: is missing; expected US dollars for a million tokens, such as `2.50`
    profile-unused
      millrace.toml:2: runners.claude_code.profile: has no effect: no command line uses it; expected `{profile}` in `argv`, or no such key
    prompt-argument-without
      millrace.toml:2: runners.command.argv: has no `{prompt}`, and the prompt comes as an argument; expected `{prompt}` in one of its arguments
    prompt-as-argument-unsaid
      millrace.toml:2: runners.command.argv: has `{prompt}`, and the prompt does not come as an argument; expected `prompt = "argument"`
    prompt-file-without
      millrace.toml:2: runners.command.argv: has no `{prompt_file}`, and the prompt comes as a file; expected `{prompt_file}` in one of its arguments
    prompt-word
      millrace.toml:3: runners.command.prompt: found `stdni`; expected `stdin`, `file` or `argument` (did you mean `stdin`?)
    redaction-bad-pattern
      millrace.toml:2: redaction.patterns: item 2 is no pattern: `acme-(x`: unclosed group; expected regular expressions such as `acme-[0-9a-f]{24}`
    redaction-empty-match
      millrace.toml:3: redaction.patterns: item 1 is no pattern: `x*`: it matches the empty text; expected regular expressions such as `acme-[0-9a-f]{24}`
    redaction-near-key
      millrace.toml:2: redaction.pattern: this key is not known; expected `redaction.patterns`
    redaction-too-big
      millrace.toml:2: redaction.patterns: item 1 is no pattern: `(\\w{100}){100}`: it is too big when compiled; expected regular expressions such as `acme-[0-9a-f]{24}`
    redaction-variable
      millrace.toml:2: redaction.extra_variables: `MY-NAME` is not valid; expected the name of a variable: letters, digits and `_`
    refuses-root-key
      millrace.toml:2: runners.claude_code.refuses_root.levels: this key is not known; expected `runners.claude_code.refuses_root.level`
    refuses-root-unless
      millrace.toml:2: runners.claude_code.refuses_root.unless: `IS_SANDBOX` is not valid; expected variables with their values, such as `["IS_SANDBOX=1"]`
    refuses-root-without-level
      millrace.toml:3: runners.command.refuses_root.level: is missing; expected the level that the harness does not do for root
    resume-no-program
      millrace.toml:3: runners.command.resume_argv: names no program; expected the program and its arguments, such as `["my-agent", "--quiet"]`
    resume-without-session
      millrace.toml:3: runners.command.resume_argv: does not say which session; expected `{session}` in one of its arguments
    run-style
      millrace.toml:2: runtime.run_style: found `deamon`; expected `once` or `daemon` (did you mean `daemon`?)
    scripted-without-script
      millrace.toml:1: runners.scripted.script: is missing; expected the path of a script, from the root of the work tree
    scripted-without-table
      millrace.toml:2: stages.builder.runner: there is no runner `scripted`; expected `[runners.scripted]` with a `script`
    section-as-value
      millrace.toml:1: runtime: found text; expected a table, written `[runtime]`
    stage-bad-name
      millrace.toml:1: stages.Big Stage: `Big Stage` is not valid; expected the name of a stage, such as `[stages.builder]`
    stage-is-no-table
      millrace.toml:2: stages.builder: found a whole number; expected a table, written `[stages.builder]`
    stage-near-key
      millrace.toml:2: stages.builder.timeout: this key is not known; expected `runner`, `model` or `timeout_seconds`
    stage-runner-without-runners
      millrace.toml:2: stages.builder.runner: there is no runner `elsewhere`; expected `aider`, `claude_code` or `codex_cli`, or `[runners.elsewhere]` with `kind = "command"`
    text-for-number
      millrace.toml:2: limits.max_launches_per_item: found text; expected a whole number from 1 to 4294967295
    tier-bad-name
      millrace.toml:2: model_tiers.Strong one: `Strong one` is not valid; expected the name of a tier: lower-case letters, digits, `.`, `_` or `-`
    tier-is-tier
      millrace.toml:2: model_tiers.strong: found `tier:cheap`; expected a model, not another tier
    tier-number
      millrace.toml:2: model_tiers.strong: found a whole number; expected text in quotes
    tier-of-no-runner
      millrace.toml:2: model_tiers.strong.codex: there is no runner `codex`; expected `codex_cli`
    tier-without-model
      millrace.toml:1: model_tiers.strong: names no model; expected `<runner> = "<model>"` below it
    timeout-in-runtime
      millrace.toml:2: runtime.timeout_seconds: this key is not known; expected it under `[stages.<stage>]`
    too-many-seconds
      millrace.toml:2: stages.builder.timeout_seconds: found `999999999999`; expected a whole number from 1 to 31536000
    truth-as-text
      millrace.toml:2: watchers.enabled: found text; expected `true` or `false`
    unclosed
      millrace.toml:1: not TOML: unclosed table, expected `]`; expected `key = value` or `[section]`
    unknown-key
      millrace.toml:2: workspace.colour: this key is not known; expected `between_items` or `on_done`
    unknown-runner-name
      millrace.toml:3: stages.builder.runner: there is no runner `elsewhere`; expected `aider`, `claude_code` or `codex_cli`, or `[runners.elsewhere]` with `kind = "command"`
    unknown-section
      millrace.toml:1: queue: this section is not known; expected `runtime`, `workspace`, `ledger`, `snapshot`, `redaction`, `limits`, `recovery`, `watchers`, `hooks`, `runners`, `model_tiers`, `prices` or `stages`
    zero
      millrace.toml:2: recovery.max_fix_cycles: found `0`; expected a whole number from 1 to 4294967295
    "#);
}

#[test]
fn an_empty_file_is_all_defaults() {
    let loaded = accepted("empty");
    assert_eq!(loaded.config, Config::default());
    assert!(loaded.lines.is_empty());
    insta::assert_snapshot!(effective_toml(&loaded.config), @r#"
    [runtime]
    default_mode = "standard_plain"
    run_style = "daemon"
    idle_sleep_seconds = 1.0

    [workspace]
    between_items = "restore"
    on_done = "leave"

    [snapshot]
    exclude = []
    max_file_bytes = 10485760

    [ledger]
    sign = "auto"

    [redaction]
    patterns = []
    extra_variables = []

    [limits]
    max_launches_per_item = 40
    max_interruptions = 5
    max_rejected_handoffs = 2
    max_remediation_rounds = 3
    max_open_roots = 1

    [recovery]
    max_fix_cycles = 2
    max_troubleshoot_attempts_before_consult = 2
    max_mechanic_attempts = 2
    max_consultant_invocations = 2
    stale_state_recovery_enabled = true

    [watchers]
    enabled = false
    debounce_ms = 250
    watch_ideas_inbox = true
    watch_specs_queue = true

    [runners]
    default_runner = "codex_cli"

    [runners.aider]
    kind = "aider"
    argv = ["{command}", "{args}", "--message-file", "{prompt_file}", "{level}", ["--model", "{model}"], "--yes-always", "--no-auto-commits", "--no-dirty-commits", "--no-gitignore", "--no-pretty", "--no-stream", "--no-check-update", "--no-show-release-notes", "--no-show-model-warnings", "--analytics-disable", "--map-tokens", "0", "--chat-history-file", "{inv_dir}/aider.chat.history.md", "--input-history-file", "{inv_dir}/aider.input.history", "--read", "{run_dir}", "--file", "{result_file}", "--add-gitignore-files"]
    resume_argv = []
    command = "aider"
    args = []
    prompt = "file"
    env_needs = ["AIDER_*", "OPENAI_*", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "DEEPSEEK_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY"]
    env_pass = []
    ok_exits = [0]
    infra_exits = []
    grace_seconds = 10
    output_bytes = 67108864
    parser = "text"
    metered = true
    permission_default = "maximum"

    [runners.aider.permission_by_stage]

    [runners.aider.permission_by_model]

    [runners.aider.env]

    [runners.aider.levels]
    elevated = []
    maximum = []

    [runners.claude_code]
    kind = "claude_code"
    argv = ["{command}", "{args}", "-p", "{level}", "--output-format", "stream-json", "--verbose", ["--model", "{model}"]]
    resume_argv = ["{command}", "{args}", "-p", "{level}", "--output-format", "stream-json", "--verbose", ["--model", "{model}"], "--resume", "{session}"]
    command = "claude"
    args = []
    prompt = "stdin"
    env_needs = ["ANTHROPIC_*", "CLAUDE_CONFIG_DIR", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_MAX_RETRIES", "CLAUDE_CODE_MAX_OUTPUT_TOKENS", "CLAUDE_CODE_SUBPROCESS_ENV_SCRUB", "API_TIMEOUT_MS", "BASH_DEFAULT_TIMEOUT_MS", "BASH_MAX_TIMEOUT_MS", "DISABLE_TELEMETRY", "IS_SANDBOX", "CLAUDE_CODE_BUBBLEWRAP"]
    env_pass = []
    ok_exits = [0]
    infra_exits = []
    grace_seconds = 10
    output_bytes = 67108864
    parser = "claude_stream"
    metered = true
    permission_default = "maximum"

    [runners.claude_code.permission_by_stage]

    [runners.claude_code.permission_by_model]

    [runners.claude_code.env]
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC = "1"
    DISABLE_AUTOUPDATER = "1"

    [runners.claude_code.levels]
    basic = ["--permission-mode", "dontAsk", "--allowedTools", "Read,Grep,Glob"]
    elevated = ["--permission-mode", "acceptEdits", "--allowedTools", "Bash"]
    maximum = ["--dangerously-skip-permissions"]

    [runners.claude_code.enforced_by]
    basic = "Claude Code's own permission rules, without a sandbox"
    elevated = "Claude Code's own permission rules, without a sandbox"

    [runners.claude_code.refuses_root]
    level = "maximum"
    unless = ["IS_SANDBOX=1", "CLAUDE_CODE_BUBBLEWRAP=1"]

    [runners.codex]
    kind = "codex_cli"
    argv = ["{command}", "{args}", "--json", "{skip_git_repo_check}", ["-o", "{final_file}"], "--cd", "{workdir}", ["-m", "{model}"], "{level}", ["--profile", "{profile}"], ["-c", "{extra_config}"], "-"]
    resume_argv = ["{command}", "{args}", "--json", "{skip_git_repo_check}", ["-o", "{final_file}"], "--cd", "{workdir}", ["-m", "{model}"], "{level}", ["--profile", "{profile}"], ["-c", "{extra_config}"], "resume", "{session}", "-"]
    command = "codex"
    args = ["exec"]
    skip_git_repo_check = true
    extra_config = []
    prompt = "stdin"
    env_needs = ["CODEX_*", "OPENAI_*"]
    env_pass = []
    ok_exits = [0]
    infra_exits = []
    grace_seconds = 10
    output_bytes = 67108864
    parser = "codex_jsonl"
    final_file = "{inv_dir}/last.txt"
    metered = true
    permission_default = "maximum"

    [runners.codex.permission_by_stage]

    [runners.codex.permission_by_model]

    [runners.codex.env]

    [runners.codex.levels]
    basic = ["-s", "read-only"]
    elevated = ["-s", "workspace-write", "--add-dir", "{git_common_dir}", "--add-dir", "{result_dir}"]
    maximum = ["--dangerously-bypass-approvals-and-sandbox"]

    [runners.codex.enforced_by]
    basic = "the Codex sandbox"
    elevated = "the Codex sandbox"

    [stages]
    "#);
}

#[test]
fn the_effective_configuration_reads_as_itself() {
    for (name, _) in fixtures::all("config/accepted") {
        let config = accepted(&name).config;
        let text = effective_toml(&config);
        let again = parse(&text, "plan").unwrap_or_else(|error| panic!("{name}: {error}\n{text}")).config;
        let frozen = parse_frozen(&text, "plan").unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
        for again in [again, frozen] {
            assert_eq!(again, config, "{name}\n{text}");
            assert_eq!(effective_toml(&again), text, "{name}");
        }
    }
}

/// What is frozen is complete: a key that a newer version ships with is not added to it.
#[test]
fn a_frozen_runner_takes_nothing_from_what_ships() {
    let text = "[runners]\ndefault_runner = \"codex_cli\"\n[runners.codex]\nkind = \"codex_cli\"\nargv = [\"codex\", \"exec\"]\n";
    let frozen = parse_frozen(text, "plan").expect("accepted");
    let names: Vec<&str> = frozen.runners.tables.keys().map(RunnerName::as_str).collect();
    assert_eq!(names, ["codex_cli"]);
    let codex = &frozen.runners.tables[&"codex_cli".parse().expect("a name")];
    assert_eq!(codex.command_line(), ["codex", "exec"]);
    assert_eq!((codex.parser.as_str(), &codex.final_file, codex.env_needs.len()), ("text", &None, 0));
    assert!(codex.resume_argv.is_empty() && codex.levels.is_empty());
    // Before contracts were frozen, a table had only what its operator may say.
    let old = "[runners.codex]\ncommand = \"codex\"\nargs = [\"exec\"]\nskip_git_repo_check = true\nextra_config = []\n";
    let old = parse_frozen(old, "plan").expect("accepted");
    let shipped = Config::default();
    assert_eq!(old.runners.tables.len(), 1);
    assert_eq!(
        old.runners.tables.values().next(),
        shipped.runners.tables.get(&"codex_cli".parse().expect("a name"))
    );
}

#[test]
fn every_key_of_a_contract_arrives() {
    let config = accepted("every-key-of-a-contract").config;
    let only = config.with_runners(&[&"like-codex".parse().expect("a name")].into());
    insta::assert_snapshot!(effective_toml(&only), @r#"
    [runtime]
    default_mode = "standard_plain"
    run_style = "daemon"
    idle_sleep_seconds = 1.0

    [workspace]
    between_items = "restore"
    on_done = "leave"

    [snapshot]
    exclude = []
    max_file_bytes = 10485760

    [ledger]
    sign = "auto"

    [redaction]
    patterns = []
    extra_variables = []

    [limits]
    max_launches_per_item = 40
    max_interruptions = 5
    max_rejected_handoffs = 2
    max_remediation_rounds = 3
    max_open_roots = 1

    [recovery]
    max_fix_cycles = 2
    max_troubleshoot_attempts_before_consult = 2
    max_mechanic_attempts = 2
    max_consultant_invocations = 2
    stale_state_recovery_enabled = true

    [watchers]
    enabled = false
    debounce_ms = 250
    watch_ideas_inbox = true
    watch_specs_queue = true

    [runners]
    default_runner = "mine"

    [runners.like-codex]
    kind = "codex_cli"
    argv = ["{command}", "{args}", "--json", "{skip_git_repo_check}", ["-o", "{final_file}"], "--cd", "{workdir}", ["-m", "{model}"], "{level}", ["--profile", "{profile}"], ["-c", "{extra_config}"], "-"]
    resume_argv = ["{command}", "{args}", "--json", "{skip_git_repo_check}", ["-o", "{final_file}"], "--cd", "{workdir}", ["-m", "{model}"], "{level}", ["--profile", "{profile}"], ["-c", "{extra_config}"], "resume", "{session}", "-"]
    command = "codex"
    args = ["exec", "--quiet"]
    skip_git_repo_check = true
    extra_config = []
    prompt = "stdin"
    env_needs = ["CODEX_*", "OPENAI_*"]
    env_pass = []
    ok_exits = [0]
    infra_exits = []
    grace_seconds = 10
    output_bytes = 67108864
    parser = "codex_jsonl"
    final_file = "{inv_dir}/last.txt"
    metered = true
    permission_default = "maximum"

    [runners.like-codex.permission_by_stage]

    [runners.like-codex.permission_by_model]

    [runners.like-codex.env]

    [runners.like-codex.levels]
    basic = ["-s", "read-only"]
    elevated = ["-s", "workspace-write", "--add-dir", "{git_common_dir}", "--add-dir", "{result_dir}"]
    maximum = ["--dangerously-bypass-approvals-and-sandbox"]

    [runners.like-codex.enforced_by]
    basic = "the Codex sandbox"
    elevated = "the Codex sandbox"

    [runners.mine]
    kind = "command"
    argv = ["{command}", "{args}", ["-p", "{profile}"], "{skip_git_repo_check}", ["-c", "{extra_config}"], "{level}", "{prompt_file}"]
    resume_argv = ["{command}", "--go-on={session}", "{level}", "{prompt_file}"]
    command = "my-agent"
    args = ["run", "{not a variable}"]
    profile = "work"
    skip_git_repo_check = true
    extra_config = ["a=1"]
    prompt = "file"
    env_needs = ["MINE_*"]
    env_pass = ["TOKEN"]
    ok_exits = [0, 3]
    infra_exits = [69, 75]
    timeout_seconds = 600
    silence_seconds = 120
    grace_seconds = 30
    output_bytes = 1000000
    parser = "jsonl"
    final_file = "{inv_dir}/last.json"
    metered = false
    permission_default = "basic"

    [runners.mine.permission_by_stage]

    [runners.mine.permission_by_model]

    [runners.mine.env]
    QUIET = "1"

    [runners.mine.levels]
    basic = ["--read-only"]
    elevated = ["--dir={workdir}"]

    [runners.mine.enforced_by]
    basic = "a container"
    elevated = "nobody"

    [runners.mine.refuses_root]
    level = "elevated"
    unless = ["BOX=1", "OTHER="]

    [runners.mine.mapping]
    input_includes_cached = true
    tokens_are = "session"
    cost_is = "session"

    [[runners.mine.mapping.rules]]
    gather = "join"

    [runners.mine.mapping.rules.when]
    "message.role" = "assistant"

    [runners.mine.mapping.rules.take]
    final_message = "message.text"
    denial = "message.refused"

    [[runners.mine.mapping.rules]]
    gather = "last"

    [runners.mine.mapping.rules.when]

    [runners.mine.mapping.rules.take]
    session_id = "id"

    [stages]
    "#);
    let codex = &config.runners.tables[&"codex_cli".parse().expect("a name")];
    assert_eq!(codex.level_in_words(PermissionLevel::Basic), "-s read-only [-m {model}]");
    assert_eq!(codex.level_in_words(PermissionLevel::Maximum), "--dangerously-bypass-approvals-and-sandbox");
    let claude = &config.runners.tables[&"claude_code".parse().expect("a name")];
    assert_eq!(claude.env.len(), 3, "tables are merged: {:?}", claude.env);
}

/// A command line as people see it: what the configuration says is filled in, what each call has is not.
#[test]
fn command_lines_for_people() {
    let config = accepted("every-key-of-a-contract").config;
    let shown = |name: &str| config.runners.tables[&name.parse().expect("a name")].command_line().join(" ");
    insta::assert_snapshot!(
        ["codex_cli", "claude_code", "mine", "like-codex"].map(shown).join("\n"),
        @"
    /opt/codex exec --json --skip-git-repo-check [-o {final_file}] --cd {workdir} [-m {model}] {level} -
    claude -p {level} --output-format stream-json --verbose [--model {model}]
    my-agent run {not a variable} -p work --skip-git-repo-check -c a=1 {level} {prompt_file}
    codex exec --quiet --json --skip-git-repo-check [-o {final_file}] --cd {workdir} [-m {model}] {level} -
    "
    );
}

#[test]
fn the_order_of_keys_in_the_file_changes_nothing() {
    let one = "[stages.fixer]\nmodel = \"b\"\n[stages.builder]\ntimeout_seconds = 5\nmodel = \"a\"\n";
    let two = "[stages.builder]\nmodel = \"a\"\ntimeout_seconds = 5\n[stages.fixer]\nmodel = \"b\"\n";
    let text = |text| effective_toml(&parse(text, "x").expect("accepted").config);
    assert_eq!(text(one), text(two));
}

#[test]
fn the_reference_keys_arrive() {
    insta::assert_snapshot!(effective_toml(&accepted("every-key-of-the-reference").config), @r#"
    [runtime]
    default_mode = "standard_plain"
    run_style = "once"
    idle_sleep_seconds = 2.0

    [workspace]
    between_items = "restore"
    on_done = "leave"

    [snapshot]
    exclude = []
    max_file_bytes = 10485760

    [ledger]
    sign = "auto"

    [redaction]
    patterns = []
    extra_variables = []

    [limits]
    max_launches_per_item = 40
    max_interruptions = 5
    max_rejected_handoffs = 2
    max_remediation_rounds = 3
    max_open_roots = 1

    [recovery]
    max_fix_cycles = 3
    max_troubleshoot_attempts_before_consult = 4
    max_mechanic_attempts = 5
    max_consultant_invocations = 2
    stale_state_recovery_enabled = false

    [watchers]
    enabled = true
    debounce_ms = 100
    watch_ideas_inbox = false
    watch_specs_queue = false

    [runners]
    default_runner = "codex_cli"

    [runners.aider]
    kind = "aider"
    argv = ["{command}", "{args}", "--message-file", "{prompt_file}", "{level}", ["--model", "{model}"], "--yes-always", "--no-auto-commits", "--no-dirty-commits", "--no-gitignore", "--no-pretty", "--no-stream", "--no-check-update", "--no-show-release-notes", "--no-show-model-warnings", "--analytics-disable", "--map-tokens", "0", "--chat-history-file", "{inv_dir}/aider.chat.history.md", "--input-history-file", "{inv_dir}/aider.input.history", "--read", "{run_dir}", "--file", "{result_file}", "--add-gitignore-files"]
    resume_argv = []
    command = "aider"
    args = []
    prompt = "file"
    env_needs = ["AIDER_*", "OPENAI_*", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "DEEPSEEK_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY"]
    env_pass = []
    ok_exits = [0]
    infra_exits = []
    grace_seconds = 10
    output_bytes = 67108864
    parser = "text"
    metered = true
    permission_default = "maximum"

    [runners.aider.permission_by_stage]

    [runners.aider.permission_by_model]

    [runners.aider.env]

    [runners.aider.levels]
    elevated = []
    maximum = []

    [runners.claude_code]
    kind = "claude_code"
    argv = ["{command}", "{args}", "-p", "{level}", "--output-format", "stream-json", "--verbose", ["--model", "{model}"]]
    resume_argv = ["{command}", "{args}", "-p", "{level}", "--output-format", "stream-json", "--verbose", ["--model", "{model}"], "--resume", "{session}"]
    command = "claude"
    args = []
    prompt = "stdin"
    env_needs = ["ANTHROPIC_*", "CLAUDE_CONFIG_DIR", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_MAX_RETRIES", "CLAUDE_CODE_MAX_OUTPUT_TOKENS", "CLAUDE_CODE_SUBPROCESS_ENV_SCRUB", "API_TIMEOUT_MS", "BASH_DEFAULT_TIMEOUT_MS", "BASH_MAX_TIMEOUT_MS", "DISABLE_TELEMETRY", "IS_SANDBOX", "CLAUDE_CODE_BUBBLEWRAP"]
    env_pass = []
    ok_exits = [0]
    infra_exits = []
    grace_seconds = 10
    output_bytes = 67108864
    parser = "claude_stream"
    metered = true
    permission_default = "maximum"

    [runners.claude_code.permission_by_stage]

    [runners.claude_code.permission_by_model]

    [runners.claude_code.env]
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC = "1"
    DISABLE_AUTOUPDATER = "1"

    [runners.claude_code.levels]
    basic = ["--permission-mode", "dontAsk", "--allowedTools", "Read,Grep,Glob"]
    elevated = ["--permission-mode", "acceptEdits", "--allowedTools", "Bash"]
    maximum = ["--dangerously-skip-permissions"]

    [runners.claude_code.enforced_by]
    basic = "Claude Code's own permission rules, without a sandbox"
    elevated = "Claude Code's own permission rules, without a sandbox"

    [runners.claude_code.refuses_root]
    level = "maximum"
    unless = ["IS_SANDBOX=1", "CLAUDE_CODE_BUBBLEWRAP=1"]

    [runners.codex]
    kind = "codex_cli"
    argv = ["{command}", "{args}", "--json", "{skip_git_repo_check}", ["-o", "{final_file}"], "--cd", "{workdir}", ["-m", "{model}"], "{level}", ["--profile", "{profile}"], ["-c", "{extra_config}"], "-"]
    resume_argv = ["{command}", "{args}", "--json", "{skip_git_repo_check}", ["-o", "{final_file}"], "--cd", "{workdir}", ["-m", "{model}"], "{level}", ["--profile", "{profile}"], ["-c", "{extra_config}"], "resume", "{session}", "-"]
    command = "/opt/codex"
    args = ["exec", "--color=never"]
    profile = "work"
    skip_git_repo_check = false
    extra_config = ['model_reasoning_effort="high"']
    prompt = "stdin"
    env_needs = ["CODEX_*", "OPENAI_*"]
    env_pass = []
    ok_exits = [0]
    infra_exits = []
    grace_seconds = 10
    output_bytes = 67108864
    parser = "codex_jsonl"
    final_file = "{inv_dir}/last.txt"
    metered = true
    permission_default = "elevated"

    [runners.codex.permission_by_stage]
    checker = "basic"

    [runners.codex.permission_by_model]
    "model.one" = "maximum"

    [runners.codex.env]
    EMPTY = ""
    RUST_LOG = "info"

    [runners.codex.levels]
    basic = ["-s", "read-only"]
    elevated = ["-s", "workspace-write", "--add-dir", "{git_common_dir}", "--add-dir", "{result_dir}"]
    maximum = ["--dangerously-bypass-approvals-and-sandbox"]

    [runners.codex.enforced_by]
    basic = "the Codex sandbox"
    elevated = "the Codex sandbox"

    [stages.builder]
    runner = "codex_cli"
    model = "model.one"
    timeout_seconds = 60

    [stages.checker]
    timeout_seconds = 60
    "#);
}

#[test]
fn our_own_keys_arrive() {
    insta::assert_snapshot!(effective_toml(&accepted("own-keys").config), @r#"
    [runtime]
    default_mode = "standard_plain"
    run_style = "daemon"
    idle_sleep_seconds = 1.0

    [workspace]
    between_items = "carry"
    on_done = "commit"

    [snapshot]
    exclude = ["*.key", "build/**"]
    max_file_bytes = 1000000

    [ledger]
    sign = "auto"

    [redaction]
    patterns = ["acme-[0-9a-f]{24}", 'token=\w+']
    extra_variables = ["HOUSE_NAME"]

    [limits]
    max_launches_per_item = 7
    max_interruptions = 3
    max_rejected_handoffs = 2
    max_remediation_rounds = 3
    max_open_roots = 1

    [recovery]
    max_fix_cycles = 2
    max_troubleshoot_attempts_before_consult = 2
    max_mechanic_attempts = 2
    max_consultant_invocations = 1
    stale_state_recovery_enabled = true

    [watchers]
    enabled = false
    debounce_ms = 250
    watch_ideas_inbox = true
    watch_specs_queue = true

    [runners]
    default_runner = "command"

    [runners.aider]
    kind = "aider"
    argv = ["{command}", "{args}", "--message-file", "{prompt_file}", "{level}", ["--model", "{model}"], "--yes-always", "--no-auto-commits", "--no-dirty-commits", "--no-gitignore", "--no-pretty", "--no-stream", "--no-check-update", "--no-show-release-notes", "--no-show-model-warnings", "--analytics-disable", "--map-tokens", "0", "--chat-history-file", "{inv_dir}/aider.chat.history.md", "--input-history-file", "{inv_dir}/aider.input.history", "--read", "{run_dir}", "--file", "{result_file}", "--add-gitignore-files"]
    resume_argv = []
    command = "aider"
    args = []
    prompt = "file"
    env_needs = ["AIDER_*", "OPENAI_*", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "DEEPSEEK_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY"]
    env_pass = []
    ok_exits = [0]
    infra_exits = []
    grace_seconds = 10
    output_bytes = 67108864
    parser = "text"
    metered = true
    permission_default = "maximum"

    [runners.aider.permission_by_stage]

    [runners.aider.permission_by_model]

    [runners.aider.env]

    [runners.aider.levels]
    elevated = []
    maximum = []

    [runners.claude_code]
    kind = "claude_code"
    argv = ["{command}", "{args}", "-p", "{level}", "--output-format", "stream-json", "--verbose", ["--model", "{model}"]]
    resume_argv = ["{command}", "{args}", "-p", "{level}", "--output-format", "stream-json", "--verbose", ["--model", "{model}"], "--resume", "{session}"]
    command = "claude"
    args = []
    prompt = "stdin"
    env_needs = ["ANTHROPIC_*", "CLAUDE_CONFIG_DIR", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_MAX_RETRIES", "CLAUDE_CODE_MAX_OUTPUT_TOKENS", "CLAUDE_CODE_SUBPROCESS_ENV_SCRUB", "API_TIMEOUT_MS", "BASH_DEFAULT_TIMEOUT_MS", "BASH_MAX_TIMEOUT_MS", "DISABLE_TELEMETRY", "IS_SANDBOX", "CLAUDE_CODE_BUBBLEWRAP"]
    env_pass = []
    ok_exits = [0]
    infra_exits = []
    grace_seconds = 10
    output_bytes = 67108864
    parser = "claude_stream"
    metered = true
    permission_default = "maximum"

    [runners.claude_code.permission_by_stage]

    [runners.claude_code.permission_by_model]

    [runners.claude_code.env]
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC = "1"
    DISABLE_AUTOUPDATER = "1"

    [runners.claude_code.levels]
    basic = ["--permission-mode", "dontAsk", "--allowedTools", "Read,Grep,Glob"]
    elevated = ["--permission-mode", "acceptEdits", "--allowedTools", "Bash"]
    maximum = ["--dangerously-skip-permissions"]

    [runners.claude_code.enforced_by]
    basic = "Claude Code's own permission rules, without a sandbox"
    elevated = "Claude Code's own permission rules, without a sandbox"

    [runners.claude_code.refuses_root]
    level = "maximum"
    unless = ["IS_SANDBOX=1", "CLAUDE_CODE_BUBBLEWRAP=1"]

    [runners.codex]
    kind = "codex_cli"
    argv = ["{command}", "{args}", "--json", "{skip_git_repo_check}", ["-o", "{final_file}"], "--cd", "{workdir}", ["-m", "{model}"], "{level}", ["--profile", "{profile}"], ["-c", "{extra_config}"], "-"]
    resume_argv = ["{command}", "{args}", "--json", "{skip_git_repo_check}", ["-o", "{final_file}"], "--cd", "{workdir}", ["-m", "{model}"], "{level}", ["--profile", "{profile}"], ["-c", "{extra_config}"], "resume", "{session}", "-"]
    command = "codex"
    args = ["exec"]
    skip_git_repo_check = true
    extra_config = []
    prompt = "stdin"
    env_needs = ["CODEX_*", "OPENAI_*"]
    env_pass = ["HOME", "OPENAI_API_KEY"]
    ok_exits = [0]
    infra_exits = []
    silence_seconds = 300
    grace_seconds = 10
    output_bytes = 67108864
    parser = "codex_jsonl"
    final_file = "{inv_dir}/last.txt"
    metered = true
    permission_default = "maximum"

    [runners.codex.permission_by_stage]

    [runners.codex.permission_by_model]

    [runners.codex.env]

    [runners.codex.levels]
    basic = ["-s", "read-only"]
    elevated = ["-s", "workspace-write", "--add-dir", "{git_common_dir}", "--add-dir", "{result_dir}"]
    maximum = ["--dangerously-bypass-approvals-and-sandbox"]

    [runners.codex.enforced_by]
    basic = "the Codex sandbox"
    elevated = "the Codex sandbox"

    [runners.command]
    kind = "command"
    argv = ["my-agent", "--quiet", ""]
    resume_argv = []
    prompt = "stdin"
    env_needs = []
    env_pass = []
    ok_exits = [0]
    infra_exits = [69, 75]
    silence_seconds = 60
    grace_seconds = 10
    output_bytes = 67108864
    parser = "text"
    metered = true
    permission_default = "basic"

    [runners.command.permission_by_stage]

    [runners.command.permission_by_model]

    [runners.command.env]

    [runners.scripted]
    kind = "scripted"
    argv = ["{millrace}", "harness-scripted", "--script", "{script}"]
    resume_argv = []
    script = "checks/stages.yaml"
    prompt = "stdin"
    env_needs = []
    env_pass = []
    ok_exits = [0]
    infra_exits = []
    grace_seconds = 10
    output_bytes = 67108864
    parser = "text"
    metered = false
    permission_default = "maximum"

    [runners.scripted.permission_by_stage]

    [runners.scripted.permission_by_model]

    [runners.scripted.env]

    [runners.second-agent]
    kind = "command"
    argv = ["second"]
    resume_argv = []
    prompt = "stdin"
    env_needs = []
    env_pass = []
    ok_exits = [0]
    infra_exits = []
    grace_seconds = 10
    output_bytes = 67108864
    parser = "text"
    metered = true
    permission_default = "maximum"

    [runners.second-agent.permission_by_stage]

    [runners.second-agent.permission_by_model]

    [runners.second-agent.env]
    API_TOKEN = "abc"

    [model_tiers]
    strong = "big-model"

    [model_tiers.cheap]
    codex_cli = "small-model"
    second-agent = "tiny"

    [stages.fixer]
    runner = "scripted"

    [stages.updater]
    runner = "second-agent"
    "#);
}

#[test]
fn the_bootstrap_file_is_all_defaults_without_a_warning_and_states_its_posture() {
    let loaded = parse(bootstrap_text(), "millrace.toml").expect("accepted");
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    assert_eq!(loaded.config, Config::default());
    assert!(loaded.lines.contains_key("runners.codex.permission_default"));
    assert!(bootstrap_text().contains("\n[runners.codex]\n"));
    assert!(bootstrap_text().contains("\npermission_default = \"maximum\"\n"));
}

#[test]
fn permission_is_decided_by_stage_then_model_then_default() {
    let text = "[runners.codex]\npermission_default = \"basic\"\n\
                permission_by_stage = { builder = \"maximum\" }\n\
                permission_by_model = { big = \"elevated\" }\n";
    let config = parse(text, "x").expect("accepted").config;
    let codex = &config.runners.tables[&"codex_cli".parse().expect("a name")];
    let level = |stage: &str, model| codex.permissions.resolve(&stage.parse().expect("a stage"), model);
    assert_eq!(level("builder", Some("big")), (PermissionLevel::Maximum, PermissionRule::Stage));
    assert_eq!(level("checker", Some("big")), (PermissionLevel::Elevated, PermissionRule::Model));
    assert_eq!(level("checker", Some("BIG")), (PermissionLevel::Basic, PermissionRule::Default));
    assert_eq!(level("checker", None), (PermissionLevel::Basic, PermissionRule::Default));
    let standard = &Config::default().runners.tables[&"codex_cli".parse().expect("a name")];
    assert_eq!(
        standard.permissions.resolve(&"builder".parse().expect("a stage"), None),
        (PermissionLevel::Maximum, PermissionRule::Default)
    );
}

#[test]
fn stages_have_their_runner_and_their_time() {
    let config = accepted("own-keys").config;
    let stage = |name: &str| name.parse().expect("a stage");
    assert_eq!(config.runner_of(&stage("updater")).as_str(), "second-agent");
    assert_eq!(config.runner_of(&stage("builder")).as_str(), "command");
    let timeout = |config: &Config, name| config.timeout_of(&stage(name), config.runner_of(&stage(name)));
    assert_eq!(timeout(&config, "builder"), 3600);
    assert_eq!(timeout(&accepted("every-key-of-the-reference").config, "checker"), 60);
}

/// Named after the failure that it keeps away: stage names judged by a list in code.
#[test]
fn f18_stages_are_judged_by_the_names_of_the_plan() {
    let text = "[stages.reviewer]\nmodel = \"m\"\n\n[runners.codex]\n\
                permission_by_stage = { bulider = \"basic\" }\n";
    let loaded = parse(text, "millrace.toml").expect("accepted");
    loaded.check_stages(&["reviewer", "bulider"]).expect("the plan has both");
    insta::assert_snapshot!(loaded.check_stages(&["reviewer", "builder"]).expect_err("near"), @"millrace.toml:5: runners.codex.permission_by_stage.bulider: the plan has no stage `bulider`; expected `builder`");
    insta::assert_snapshot!(loaded.check_stages(&["one", "two"]).expect_err("unknown"), @"millrace.toml:1: stages.reviewer: the plan has no stage `reviewer`; expected `one` or `two`");
}

#[test]
fn a_secret_in_the_configuration_is_refused_without_showing_it() {
    // Put together here, so that no scanner takes this file for a leak.
    let token = format!("gh{}_{}", "p", "a1B2".repeat(9));
    let text = format!("[runners.codex.env]\n# never do this\nWORD = \"{token}\"\n");
    insta::assert_snapshot!(parse(&text, "millrace.toml").expect_err("a secret"), @"millrace.toml:3: this line holds a GitHub token, and commits are for ever; expected the name of a variable in `env_pass`");
}

/// By the patterns of an operator's own: in a key and in a list as well. The patterns may look like what they match, and
/// what ships was written by nobody here.
#[test]
fn a_configuration_is_held_to_its_own_patterns() {
    let held = |text: &str| {
        let rules = "[redaction]\npatterns = [\"acme-key\", \"codex\"]\n";
        let loaded = parse(&format!("{rules}{text}"), "millrace.toml").expect("accepted");
        let search = Search::default().with_patterns(&loaded.config.redaction.patterns);
        loaded.refuse_secrets(&search).map_err(|error| (error.line, error.to_string()))
    };
    assert_eq!(held(""), Ok(()));
    for (text, line) in [
        ("[runners.aider.env]\nWORD = \"acme-key\"\n", 4),
        ("[runners.aider]\nargs = [\"--key\", \"acme-key\"]\n", 4),
        ("[prices.\"acme-key\"]\ninput = 1\noutput = 2\n", 3),
    ] {
        let (found, error) = held(text).expect_err(text);
        assert_eq!(found, line, "{error}");
        assert!(error.contains("a match of redaction pattern 1") && !error.contains("acme-key"), "{error}");
    }
}

/// Who names one price of input pays it for cached input too: never less than it may be.
#[test]
fn cached_tokens_cost_what_input_does_unless_it_is_said() {
    let loaded = parse("[prices.one]\ninput = 3\noutput = 15\n", "millrace.toml").expect("accepted");
    let price = loaded.config.prices["one"];
    assert_eq!((price.cache_read, price.cache_write), (price.input, price.input));
}

#[test]
fn a_final_file_does_not_leave_the_folders_of_the_launch() {
    for (file, accepted) in [("{inv_dir}/a/b", true), ("{run_dir}/../b", false), ("{inv_dir}b", false)] {
        let text = format!("[runners.command]\nargv = ['x']\nfinal_file = '{file}'\n");
        assert_eq!(parse(&text, "millrace.toml").is_ok(), accepted, "{file}");
    }
}

/// What was inherited for a command line that is not there any more would only be read, and mean nothing.
#[test]
fn what_no_command_line_uses_is_not_inherited() {
    let text = "[runners.codex]\nargv = ['mine', '{level}']\nresume_argv = []\n";
    let loaded = parse(text, "millrace.toml").expect("accepted");
    let codex = &loaded.config.runners.tables[&"codex_cli".parse().expect("a name")];
    assert_eq!((&codex.command, codex.args.len(), &codex.profile), (&None, 0, &None));
    assert!(!codex.skip_git_repo_check && codex.extra_config.is_empty());
}

#[test]
fn lines_say_where_a_key_was_set() {
    let loaded = accepted("own-keys");
    assert_eq!(loaded.lines["workspace.on_done"], 3);
    assert_eq!(loaded.lines["stages.updater"], 37);
    assert!(!loaded.lines.contains_key("runtime.default_mode"));
}

#[test]
fn a_file_over_the_limit_is_refused() {
    let text = "#".repeat(256 * 1024 + 1);
    insta::assert_snapshot!(parse(&text, "millrace.toml").expect_err("too long"), @"millrace.toml:1: the file has 262145 bytes; expected at most 262144");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        let _ = parse(&text, "x");
    }

    #[test]
    fn no_toml_makes_it_panic(
        text in "(\\[(runtime|runners|runners\\.codex|stages|stages\\.builder|x)\\]\n|(default_mode|env|args|runner|timeout_seconds|permission_by_stage|y) = (1|\"a\"|\\[\\]|\\[1\\]|\\{\\}|\\{a = 1\\}|true|nan|1979-05-27)\n){0,12}"
    ) {
        if let Err(error) = parse(&text, "x") {
            let line = error.to_string();
            prop_assert!(!line.chars().any(char::is_control), "{:?}", line);
        }
    }
}

#[test]
fn limits_and_prices_arrive_and_are_frozen_where_they_are_set() {
    let text = effective_toml(&accepted("budgets").config);
    let (limits, rest) =
        text.split_once("[limits]").expect("limits").1.split_once("[recovery]").expect("more");
    insta::assert_snapshot!(limits, @r#"
    max_launches_per_item = 40
    max_interruptions = 3
    max_rejected_handoffs = 2
    max_remediation_rounds = 3
    max_open_roots = 1

    [limits.per_item]
    tokens = 2000000
    cost_usd = "5.00"
    launches = 12
    wall_seconds = 7200

    [limits.per_day]
    tokens = 20000000
    cost_usd = "49.50"

    [limits.per_daemon]
    cost_usd = "100.000001"

    [limits.assumed]
    tokens = 300000
    cost_usd = "2.00"
    "#);
    let prices = rest.split_once("[prices.").expect("prices").1.split_once("[stages]").expect("more").0;
    insta::assert_snapshot!(prices, @r#"
    "model-1.5"]
    input = "2.50"
    cache_read = "0.25"
    cache_write = "2.50"
    output = "10.00"

    [prices."vendor/model"]
    input = "0.00"
    cache_read = "0.00"
    cache_write = "0.00"
    output = "0.00"
    "#);
    let nothing = effective_toml(&Config::default());
    assert!(!nothing.contains("[limits.") && !nothing.contains("[prices"), "{nothing}");
}

#[test]
fn a_setting_of_a_model_with_a_dot_is_shown_as_it_would_be_written() {
    let loaded = accepted("budgets");
    let of = |section: &str| -> Vec<(String, Option<usize>)> {
        let settings = settings(&loaded).into_iter().filter(|setting| setting.section == section);
        settings.map(|setting| (setting.key, setting.line)).collect()
    };
    let key = |key: &str, line| (key.to_owned(), line);
    assert_eq!(
        of("prices.\"model-1.5\""),
        [
            key("input", Some(21)),
            key("cache_read", Some(22)),
            key("cache_write", None),
            key("output", Some(23))
        ]
    );
    // What a table of limits leaves open is told as well.
    assert_eq!(
        of("limits.per_day"),
        [
            key("tokens", Some(11)),
            key("cost_usd", Some(12)),
            key("launches", None),
            key("wall_seconds", None)
        ]
    );
}

#[test]
fn a_limit_that_was_raised_is_a_change_that_counts_after_a_compile() {
    let of = |text: &str| parse(text, "millrace.toml").expect("a configuration").config;
    let old = of("[limits.per_day]\ncost_usd = 5\n[prices.one]\ninput = 1\noutput = 2\n");
    let new = of("[limits.per_day]\ncost_usd = 6\n[prices.one]\ninput = 1\noutput = 3\n");
    let changed: Vec<String> = changed_keys(&old, &new)
        .iter()
        .map(|(key, boundary)| format!("{} {key}", boundary.as_str()))
        .collect();
    assert_eq!(changed, ["compile limits.per_day.cost_usd", "compile prices.one.output"]);
}

/// Every key that a file may have has one boundary, and the table has no other row.
#[test]
fn every_key_has_a_boundary() {
    let mut used = std::collections::BTreeSet::new();
    for name in
        ["every-key-of-the-reference", "own-keys", "budgets", "empty", "every-key-of-a-contract", "hooks"]
    {
        for setting in settings(&accepted(name)) {
            let Setting { section, key, .. } = &setting;
            let rows = BOUNDARIES.iter().filter(|(pattern, name, _)| {
                let before = pattern.split('<').next().expect("a part");
                (pattern == section || before != *pattern && section.starts_with(before))
                    && (*name == "*" || name == key)
            });
            let rows: Vec<_> = rows.collect();
            assert_eq!(rows.len(), 1, "{section}.{key}: {rows:?}");
            assert_eq!(boundary_of(section, key), Some(rows[0].2));
            used.insert((rows[0].0, rows[0].1));
        }
    }
    let unused = BOUNDARIES.iter().filter(|row| !used.contains(&(row.0, row.1))).collect::<Vec<_>>();
    assert!(unused.is_empty(), "no file has these: {unused:?}");
    assert_eq!(boundary_of("runtime", "no_such"), None);
    assert_eq!(boundary_of("runners", "codex"), None);
}

#[test]
fn changed_keys_are_told_with_their_boundary() {
    let of = |text: &str| parse(text, "millrace.toml").expect("a configuration").config;
    let old = of(
        "[runners.codex]\nargs = [\"exec\"]\n[stages.builder]\nmodel = \"one\"\n[model_tiers]\nstrong = \"a\"\n",
    );
    let new = of(
        "[runtime]\nrun_style = \"once\"\nidle_sleep_seconds = 2\n[runners.codex.env]\nLANG = \"C\"\n[stages.checker]\n\
         model = \"one\"\n[model_tiers.strong]\ncodex_cli = \"a\"\n[watchers]\nenabled = true\n",
    );
    let changed: Vec<String> = changed_keys(&old, &new)
        .iter()
        .map(|(key, boundary)| format!("{} {key}", boundary.as_str()))
        .collect();
    assert_eq!(
        changed,
        [
            "compile model_tiers.strong",
            "compile model_tiers.strong.codex_cli",
            "compile runners.codex.env.LANG",
            "at_once runtime.idle_sleep_seconds",
            "no_effect runtime.run_style",
            "compile stages.builder.model",
            "compile stages.checker.model",
            "at_once watchers.enabled",
        ]
    );
    assert_eq!(changed_keys(&new, &new), []);
}

#[test]
fn redaction_is_bounded() {
    let list = |count: usize| vec!["\"x\""; count].join(", ");
    for (key, most) in [("patterns", 64), ("extra_variables", 64)] {
        let text = |count: usize| format!("[redaction]\n{key} = [{}]\n", list(count));
        assert!(parse(&text(most), "millrace.toml").is_ok(), "{key}");
        let error = parse(&text(most + 1), "millrace.toml").expect_err(key).to_string();
        assert_eq!(error, format!("millrace.toml:2: redaction.{key}: there are 65; expected at most 64"));
    }
}
