//! One runner as a table: its whole contract, so that reading it needs nothing that ships.

use toml::{Table, Value};

use super::contract::Runner;
use super::reading::{Mapping, Rule};
use super::render::{number, put, table, text, texts};
use super::template::{Argument, Template, Variable};

/// The table of a runner, every key in a fixed order; values first, then tables.
pub(super) fn runner(runner: &Runner) -> Table {
    let used = runner.used();
    let of = |variable: Variable, value: Option<Value>| value.filter(|_| used.contains(&variable));
    let mut keys = Table::new();
    keys.insert("kind".to_owned(), text(runner.kind.as_str()));
    keys.insert("argv".to_owned(), arguments(&runner.argv));
    keys.insert("resume_argv".to_owned(), arguments(&runner.resume_argv));
    put(&mut keys, "command", runner.command.as_deref().map(text));
    put(&mut keys, "args", of(Variable::Args, Some(texts(&runner.args))));
    put(&mut keys, "profile", runner.profile.as_deref().map(text));
    let skips = Value::Boolean(runner.skip_git_repo_check);
    put(&mut keys, "skip_git_repo_check", of(Variable::SkipGitRepoCheck, Some(skips)));
    put(&mut keys, "extra_config", of(Variable::ExtraConfig, Some(texts(&runner.extra_config))));
    put(&mut keys, "script", runner.script.as_deref().map(text));
    keys.insert("prompt".to_owned(), text(runner.prompt.as_str()));
    keys.insert("env_needs".to_owned(), texts(&runner.env_needs));
    keys.insert("env_pass".to_owned(), texts(&runner.env_pass));
    keys.insert("ok_exits".to_owned(), codes(&runner.ok_exits));
    keys.insert("infra_exits".to_owned(), codes(&runner.infra_exits));
    put(&mut keys, "timeout_seconds", runner.timeout_seconds.map(number));
    put(&mut keys, "silence_seconds", runner.silence_seconds.map(number));
    keys.insert("grace_seconds".to_owned(), number(runner.grace_seconds));
    keys.insert("output_bytes".to_owned(), number(runner.output_bytes));
    keys.insert("parser".to_owned(), text(runner.parser.as_str()));
    put(&mut keys, "final_file", runner.final_file.as_ref().map(template));
    keys.insert("metered".to_owned(), Value::Boolean(runner.metered));
    let permissions = &runner.permissions;
    keys.insert("permission_default".to_owned(), text(permissions.default.as_str()));
    let by_stage = permissions.by_stage.iter().map(|(stage, level)| (stage.as_str(), text(level.as_str())));
    keys.insert("permission_by_stage".to_owned(), table(by_stage));
    let by_model = permissions.by_model.iter().map(|(model, level)| (model.as_str(), text(level.as_str())));
    keys.insert("permission_by_model".to_owned(), table(by_model));
    keys.insert("env".to_owned(), table(runner.env.iter().map(|(name, value)| (name.as_str(), text(value)))));
    if !runner.levels.is_empty() {
        let levels = runner.levels.iter().map(|(level, flags)| (level.as_str(), arguments(flags)));
        keys.insert("levels".to_owned(), table(levels));
    }
    if !runner.enforced_by.is_empty() {
        let enforced = runner.enforced_by.iter().map(|(level, who)| (level.as_str(), text(who)));
        keys.insert("enforced_by".to_owned(), table(enforced));
    }
    if let Some(refuses) = &runner.refuses_root {
        let unless: Vec<String> =
            refuses.unless.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let keys_of = table([("level", text(refuses.level.as_str())), ("unless", texts(&unless))]);
        keys.insert("refuses_root".to_owned(), keys_of);
    }
    put(&mut keys, "mapping", runner.parser.mapping().map(mapping));
    keys
}

fn template(template: &Template) -> Value {
    Value::String(template.to_string())
}

fn arguments(arguments: &[Argument]) -> Value {
    let argument = |argument: &Argument| match argument {
        Argument::One(one) => template(one),
        Argument::Group(group) => Value::Array(group.iter().map(template).collect()),
    };
    Value::Array(arguments.iter().map(argument).collect())
}

fn codes(codes: &[u8]) -> Value {
    Value::Array(codes.iter().map(|code| number((*code).into())).collect())
}

fn mapping(mapping: &Mapping) -> Value {
    let scope = |scope| super::reading::Scope::WORDS.iter().find(|(_, known)| *known == scope);
    let word = |found: Option<&(&'static str, _)>| found.map_or(text("run"), |(word, _)| text(word));
    table([
        ("input_includes_cached", Value::Boolean(mapping.input_includes_cached)),
        ("tokens_are", word(scope(mapping.tokens_are))),
        ("cost_is", word(scope(mapping.cost_is))),
        ("rules", Value::Array(mapping.rules.iter().map(rule).collect())),
    ])
}

fn rule(rule: &Rule) -> Value {
    let gather = super::reading::Gather::WORDS.iter().find(|(_, known)| *known == rule.gather);
    table([
        ("gather", gather.map_or(text("last"), |(word, _)| text(word))),
        ("when", table(rule.when.iter().map(|(path, value)| (path.as_str(), text(value))))),
        ("take", table(rule.take.iter().map(|(field, path)| (field.as_str(), text(path))))),
    ])
}
