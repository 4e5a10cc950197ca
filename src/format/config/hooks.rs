//! `[[hooks.rules]]`, and the same as `[[rules]]` of a server's own file: which pushes become work.

use toml::de::DeTable;
use toml::{Table, Value};

use super::super::hooks::{MAX_MAX_ITEMS, MAX_RULES, Patterns, Rule, Trust, wrong_with_template};
use super::super::quote::quoted;
use super::super::suggest::one_of;
use super::contract_keys::is_variable;
use super::render::{number, put, text, texts};
use super::section::{Section, Source};
use super::{ConfigError, MAX_CONFIG_BYTES};
use crate::domain::hook::Hook;

/// The key of the rules, in both files.
pub(super) const RULES: &str = "rules";

/// The keys of a rule.
pub const RULE_KEYS: [&str; 12] = [
    "name",
    "on",
    "refs",
    "tasks",
    "specs",
    "ideas",
    "trailers",
    "template",
    "trust",
    "pusher_env",
    "block",
    "max_items",
];

/// `[hooks]`
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HookRules {
    /// The rules, in the order of the file.
    pub rules: Vec<Rule>,
}

/// Reads a server's own file of rules. `file` is what messages call it.
pub fn parse_rules(content: &str, file: &str) -> Result<HookRules, ConfigError> {
    let source = Source::new(file, content);
    if content.len() > MAX_CONFIG_BYTES {
        let problem = format!("the file has {} bytes", content.len());
        return Err(source.refuse(1, None, problem, format!("at most {MAX_CONFIG_BYTES}")));
    }
    let content = content.strip_prefix('\u{FEFF}').unwrap_or(content);
    let table = DeTable::parse(content).map_err(|error| {
        let line = error.span().map_or(1, |span| source.line_of(span.start));
        let message = error.message().lines().collect::<Vec<_>>().join("; ");
        source.refuse(line, None, format!("not TOML: {message}"), "`[[rules]]` and keys below it")
    })?;
    let root = Section::new(&source, "", 1, table.get_ref());
    root.only(&[RULES], |_| Some("`[[rules]]` and keys below it".to_owned()))?;
    let mut rules = HookRules::default();
    read(&root, &mut rules)?;
    Ok(rules)
}

pub(super) fn read(section: &Section<'_>, rules: &mut HookRules) -> Result<(), ConfigError> {
    let tables = section.sections(RULES, &format!("tables, written `[[{}]]`", section.full(RULES)))?;
    if tables.len() > MAX_RULES {
        return Err(section.refuse(
            RULES,
            format!("there are {}", tables.len()),
            format!("at most {MAX_RULES}"),
        ));
    }
    for table in &tables {
        let rule = rule(table)?;
        if rules.rules.iter().any(|other| other.name == rule.name) {
            let problem = format!("there is a rule {} already", quoted(&rule.name));
            return Err(table.refuse("name", problem, "a name of its own"));
        }
        rules.rules.push(rule);
    }
    Ok(())
}

fn rule(table: &Section<'_>) -> Result<Rule, ConfigError> {
    table.only(&RULE_KEYS, |_| None)?;
    let name = table.text("name")?.ok_or_else(|| {
        table.refuse("name", "the rule has no name", "`name = \"...\"`, which its items are told by")
    })?;
    if !is_name(&name) {
        let expected = "letters, digits, `.`, `_` and `-`, at most 40";
        return Err(table.refuse("name", format!("{} is not valid", quoted(&name)), expected));
    }
    let mut rule = Rule::new(&name);
    if let Some(hooks) = table.texts("on")? {
        rule.on = hooks.iter().map(|hook| named_hook(table, hook)).collect::<Result<_, _>>()?;
        if rule.on.is_empty() {
            return Err(table.refuse("on", "the list is empty", one_of(Hook::INTAKE.map(Hook::as_str))));
        }
    }
    if let Some(written) = table.texts("refs")? {
        rule.refs = patterns(
            table,
            "refs",
            written,
            Patterns::of_refs,
            "globs of full ref names, such as `refs/heads/*`",
        )?;
        if rule.refs.is_empty() {
            return Err(table.refuse("refs", "the list is empty", "`refs/heads/*`, or no such key"));
        }
        if let Some(short) = rule.refs.written().iter().find(|pattern| !is_full(pattern)) {
            let problem = format!("{} fits no full ref name", quoted(short));
            return Err(table.refuse("refs", problem, "globs of full ref names, such as `refs/heads/*`"));
        }
    }
    for (key, place) in [("tasks", &mut rule.tasks), ("specs", &mut rule.specs), ("ideas", &mut rule.ideas)] {
        if let Some(written) = table.texts(key)? {
            *place = patterns(
                table,
                key,
                written,
                Patterns::of_paths,
                "globs of paths, such as `work/tasks/*.md`",
            )?;
        }
    }
    rule.trailers = table.truth("trailers")?.unwrap_or_default();
    rule.template = table.text("template")?;
    if let Some((problem, expected)) = rule.template.as_deref().and_then(wrong_with_template) {
        return Err(table.refuse("template", problem, format!("one of {expected}")));
    }
    if !rule.takes_anything() {
        let expected = "`tasks`, `specs`, `ideas`, `trailers` or `template`";
        return Err(table.refuse("name", format!("the rule {} takes nothing", quoted(&name)), expected));
    }
    rule.trust = trust(table)?;
    rule.pusher_env = table.text("pusher_env")?;
    if let Some(variable) = rule.pusher_env.as_deref().filter(|variable| !is_variable(variable)) {
        let expected = "the name of a variable: letters, digits and `_`";
        return Err(table.refuse("pusher_env", format!("{} is not valid", quoted(variable)), expected));
    }
    rule.block = table.truth("block")?.unwrap_or_default();
    if rule.block && !rule.on.iter().any(|hook| hook.can_break()) {
        let problem = "none of the rule's hooks can break anything";
        return Err(table.refuse("block", problem, "`on = [\"pre-push\"]` beside it, or no such key"));
    }
    if let Some(most) = table.count("max_items", u64::from(MAX_MAX_ITEMS))? {
        rule.max_items = u32::try_from(most).unwrap_or(MAX_MAX_ITEMS);
    }
    Ok(rule)
}

fn named_hook(table: &Section<'_>, name: &str) -> Result<Hook, ConfigError> {
    Hook::INTAKE.into_iter().find(|hook| hook.as_str() == name).ok_or_else(|| {
        let expected = one_of(Hook::INTAKE.map(Hook::as_str));
        table.refuse("on", format!("found {}", quoted(name)), expected)
    })
}

fn patterns(
    table: &Section<'_>,
    key: &str,
    written: Vec<String>,
    compile: fn(Vec<String>) -> Result<Patterns, String>,
    expected: &str,
) -> Result<Patterns, ConfigError> {
    let shown = written.iter().map(|pattern| quoted(pattern)).collect::<Vec<_>>().join(", ");
    compile(written).map_err(|problem| table.refuse(key, format!("{problem}: {shown}"), expected))
}

/// Whether a pattern can fit a full ref name.
fn is_full(pattern: &str) -> bool {
    pattern.starts_with("refs/") || pattern.starts_with(['*', '{', '[', '?'])
}

/// Whether a text can be the name of a rule: it stands in messages and in what git configures.
fn is_name(name: &str) -> bool {
    name.len() <= 40
        && name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

fn trust(table: &Section<'_>) -> Result<Trust, ConfigError> {
    if table.is_list("trust") {
        let names = table.texts("trust")?.unwrap_or_default();
        return Ok(if names.is_empty() { Trust::Nobody } else { Trust::These(names) });
    }
    let found = table.truth("trust").map_err(|error| ConfigError {
        expected: "`true`, `false`, or a list of pushers such as `[\"alice\"]`".to_owned(),
        ..error
    })?;
    Ok(if found == Some(true) { Trust::Everybody } else { Trust::Nobody })
}

/// The rules in full; none where there are none, so that a plan without them is what it was.
pub(super) fn render(hooks: &HookRules) -> Option<Value> {
    if hooks.rules.is_empty() {
        return None;
    }
    let rules = hooks.rules.iter().map(render_rule).collect();
    let mut section = Table::new();
    section.insert(RULES.to_owned(), Value::Array(rules));
    Some(Value::Table(section))
}

fn render_rule(rule: &Rule) -> Value {
    let mut keys = Table::new();
    put(&mut keys, "name", Some(text(&rule.name)));
    let hooks = rule.on.iter().map(|hook| text(hook.as_str())).collect();
    put(&mut keys, "on", Some(Value::Array(hooks)));
    put(&mut keys, "refs", Some(texts(rule.refs.written())));
    for (key, patterns) in [("tasks", &rule.tasks), ("specs", &rule.specs), ("ideas", &rule.ideas)] {
        put(&mut keys, key, Some(patterns).filter(|some| !some.is_empty()).map(|some| texts(some.written())));
    }
    put(&mut keys, "trailers", Some(Value::Boolean(rule.trailers)));
    put(&mut keys, "template", rule.template.as_deref().map(text));
    let trust = match &rule.trust {
        Trust::Nobody => Value::Boolean(false),
        Trust::Everybody => Value::Boolean(true),
        Trust::These(names) => texts(names),
    };
    put(&mut keys, "trust", Some(trust));
    put(&mut keys, "pusher_env", rule.pusher_env.as_deref().map(text));
    put(&mut keys, "block", Some(Value::Boolean(rule.block)));
    put(&mut keys, "max_items", Some(number(rule.max_items.into())));
    Value::Table(keys)
}

/// A rule as git's own configuration has it: `millrace.<rule>.<key>`, a list by saying the key several times.
#[must_use]
pub fn rules_of_git(entries: &[(String, String, String)]) -> String {
    let mut root = Table::new();
    let mut rules: Vec<Table> = Vec::new();
    for (name, key, value) in entries {
        let at = rules.iter().position(|rule| rule.get("name").and_then(Value::as_str) == Some(name));
        let at = at.unwrap_or_else(|| {
            rules.push(Table::from_iter([("name".to_owned(), text(name))]));
            rules.len() - 1
        });
        let key = RULE_KEYS.into_iter().find(|known| is_key(known, key)).unwrap_or(key);
        let said = git_value(key, value);
        match (rules[at].get_mut(key), said) {
            (Some(Value::Array(list)), Value::Array(more)) => list.extend(more),
            (_, said) => drop(rules[at].insert(key.to_owned(), said)),
        }
    }
    root.insert(RULES.to_owned(), Value::Array(rules.into_iter().map(Value::Table).collect()));
    root.to_string()
}

/// Names of git's keys have no `_`, and capitals do not count.
fn is_key(known: &str, key: &str) -> bool {
    known.replace('_', "") == key.to_ascii_lowercase().replace('-', "")
}

fn git_value(key: &str, value: &str) -> Value {
    let truth = match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" | "" => Some(false),
        _ => None,
    };
    match (key, truth) {
        ("trailers" | "block" | "trust", Some(truth)) => Value::Boolean(truth),
        ("max_items", _) => value.parse().map_or_else(|_| text(value), Value::Integer),
        ("on" | "refs" | "tasks" | "specs" | "ideas" | "trust", _) => Value::Array(vec![text(value)]),
        _ => text(value),
    }
}
