//! The keys of a runner's table, read over the contract that it starts from.

use toml::de::DeValue;

use super::super::quote::quoted;
use super::super::secrets::is_secret_name;
use super::super::suggest::{nearest, one_of};
use super::contract::{MIN_GRACE_SECONDS, PromptBy, RefusesRoot, Runner};
use super::contract_check::check;
use super::read::place_of;
use super::reading::{Field, Gather, Mapping, Parser, Rule, Scope};
use super::section::Section;
use super::template::{Argument, Template, TemplateError, Variable};
use super::{ConfigError, MAX_SECONDS};
use crate::domain::ids::StageName;
use crate::domain::permission::{PermissionLevel, Permissions};

/// The keys that every runner has.
const KEYS: [&str; 29] = [
    "kind",
    "argv",
    "resume_argv",
    "command",
    "args",
    "profile",
    "skip_git_repo_check",
    "extra_config",
    "script",
    "prompt",
    "env",
    "env_needs",
    "env_pass",
    "levels",
    "enforced_by",
    "ok_exits",
    "infra_exits",
    "timeout_seconds",
    "silence_seconds",
    "grace_seconds",
    "output_bytes",
    "parser",
    "mapping",
    "final_file",
    "metered",
    "refuses_root",
    "permission_default",
    "permission_by_stage",
    "permission_by_model",
];

/// Bytes that can be asked for of each output stream.
const OUTPUT_BYTES: (u64, u64) = (64 * 1024, 4 * 1024 * 1024 * 1024);

/// The name of a variable of an environment, in a message.
const VARIABLE: &str = "the name of a variable: letters, digits and `_`";

/// Reads a table over `base`.
pub(super) fn read(table: &Section<'_>, base: Runner) -> Result<Runner, ConfigError> {
    table.only(&KEYS, |key| place_of(key, "runners"))?;
    let mut runner = base;
    if let Some(argv) = arguments(table, "argv")? {
        runner.argv = argv;
        // Another program is not resumed by the command line of this one.
        runner.resume_argv.clear();
    }
    put(&mut runner.resume_argv, arguments(table, "resume_argv")?);
    if let Some(command) = table.text("command")? {
        runner.command = Some(command);
    }
    put(&mut runner.args, table.texts("args")?);
    if let Some(profile) = table.text("profile")? {
        runner.profile = Some(profile);
    }
    put(&mut runner.skip_git_repo_check, table.truth("skip_git_repo_check")?);
    put(&mut runner.extra_config, table.texts("extra_config")?);
    if let Some(script) = table.text("script")? {
        runner.script = Some(script);
    }
    put(&mut runner.prompt, table.word("prompt", &PromptBy::WORDS)?);
    environment(table, &mut runner)?;
    levels(table, &mut runner)?;
    put(&mut runner.ok_exits, table.exit_codes("ok_exits", 0)?);
    put(&mut runner.infra_exits, table.exit_codes("infra_exits", 1)?);
    if let Some(seconds) = table.count("timeout_seconds", MAX_SECONDS)? {
        runner.timeout_seconds = Some(seconds);
    }
    if let Some(seconds) = table.count("silence_seconds", MAX_SECONDS)? {
        runner.silence_seconds = Some(seconds);
    }
    put(&mut runner.grace_seconds, table.count_from("grace_seconds", MIN_GRACE_SECONDS, MAX_SECONDS)?);
    put(&mut runner.output_bytes, table.count_from("output_bytes", OUTPUT_BYTES.0, OUTPUT_BYTES.1)?);
    parser(table, &mut runner)?;
    if let Some(file) = table.text("final_file")? {
        let template = template(&file, &|problem, expected| table.refuse("final_file", problem, expected))?;
        runner.final_file = Some(template);
    }
    put(&mut runner.metered, table.truth("metered")?);
    refuses_root(table, &mut runner)?;
    permissions(table, &mut runner.permissions)?;
    check(table, &mut runner)?;
    Ok(runner)
}

fn put<T>(place: &mut T, said: Option<T>) {
    if let Some(said) = said {
        *place = said;
    }
}

/// One argument, or a refusal of it made by `refuse` from what is wrong and what would be right.
fn template(written: &str, refuse: &impl Fn(String, String) -> ConfigError) -> Result<Template, ConfigError> {
    written.parse().map_err(|error| match error {
        TemplateError::Unknown(name) => {
            let known = || Variable::ALL.iter().map(|variable| variable.as_str());
            let expected = match nearest(&name, known()) {
                Some(meant) => format!("`{{{meant}}}`"),
                None => format!("{} in braces, or `{{{{` for a brace", one_of(known())),
            };
            refuse(format!("`{{{name}}}` is no variable"), expected)
        }
        TemplateError::Unclosed => {
            refuse(format!("{} has a `{{` without a `}}`", quoted(written)), "`{{` for a brace".to_owned())
        }
    })
}

/// A command line: texts, and lists of texts that belong together.
fn arguments(table: &Section<'_>, key: &str) -> Result<Option<Vec<Argument>>, ConfigError> {
    const EXPECTED: &str = "a list of texts, with arguments that belong together in a list of their own: `[\"agent\", [\"-m\", \"{model}\"]]`";
    let Some(items) = table.list(key, EXPECTED)? else { return Ok(None) };
    let mut arguments = Vec::with_capacity(items.len());
    for (index, (line, item)) in items.into_iter().enumerate() {
        let refuse = |problem: String, expected: String| {
            table.source.refuse(line, Some(&table.full(key)), problem, expected)
        };
        let wrong =
            || refuse(format!("item {} is neither text nor a list of texts", index + 1), EXPECTED.to_owned());
        let text = |item: &DeValue<'_>| match item {
            DeValue::String(text) if text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t')) => {
                template(text, &refuse)
            }
            DeValue::String(_) => Err(refuse(
                format!("item {} holds a control character", index + 1),
                "printable text".to_owned(),
            )),
            _ => Err(wrong()),
        };
        arguments.push(match item {
            DeValue::Array(group) => {
                let group = group.iter().map(|item| text(item.get_ref())).collect::<Result<Vec<_>, _>>()?;
                Argument::Group(group)
            }
            item => Argument::One(text(item)?),
        });
    }
    Ok(Some(arguments))
}

fn environment(table: &Section<'_>, runner: &mut Runner) -> Result<(), ConfigError> {
    if let Some(section) = table.section("env")? {
        for name in section.keys() {
            if !is_variable(name) {
                return Err(section.refuse(name, format!("{} is not valid", quoted(name)), VARIABLE));
            }
            if is_secret_name(name) {
                section.warn(
                    name,
                    "its value is frozen into plans, and commits are for ever; use `env_pass` for a secret",
                );
            }
            if let Some(value) = section.any_text(name)? {
                runner.env.insert(name.to_owned(), value);
            }
        }
    }
    for (key, place) in [("env_needs", &mut runner.env_needs), ("env_pass", &mut runner.env_pass)] {
        let Some(names) = table.texts(key)? else { continue };
        if let Some(name) = names.iter().find(|name| !is_variable(name.strip_suffix('*').unwrap_or(name))) {
            let expected = "the name of a variable: letters, digits and `_`, with a `*` at the end for all that begin so";
            return Err(table.refuse(key, format!("{} is not valid", quoted(name)), expected));
        }
        *place = names;
    }
    Ok(())
}

pub(super) fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A level from its name as a key.
fn level(section: &Section<'_>, key: &str) -> Result<PermissionLevel, ConfigError> {
    let names = || PermissionLevel::ALL.iter().map(|level| level.as_str());
    PermissionLevel::ALL.into_iter().find(|level| level.as_str() == key).ok_or_else(|| {
        let expected = nearest(key, names()).map_or_else(|| one_of(names()), |meant| format!("`{meant}`"));
        section.refuse(key, "this is no permission level", expected)
    })
}

fn levels(table: &Section<'_>, runner: &mut Runner) -> Result<(), ConfigError> {
    if let Some(section) = table.section("levels")? {
        for key in section.keys() {
            let level = level(&section, key)?;
            if let Some(flags) = arguments(&section, key)? {
                runner.levels.insert(level, flags);
            }
        }
    }
    if let Some(section) = table.section("enforced_by")? {
        for key in section.keys() {
            let level = level(&section, key)?;
            if let Some(who) = section.text(key)? {
                runner.enforced_by.insert(level, who);
            }
        }
    }
    Ok(())
}

fn parser(table: &Section<'_>, runner: &mut Runner) -> Result<(), ConfigError> {
    let mapping = match table.section("mapping")? {
        Some(section) => Some(mapping(&section)?),
        None => None,
    };
    let name = table.word(
        "parser",
        &[("codex_jsonl", 0), ("claude_stream", 1), ("jsonl", 2), ("json", 3), ("text", 4)],
    )?;
    let inherited = runner.parser.mapping().cloned();
    let wanted = || {
        mapping.clone().or(inherited).ok_or_else(|| {
            let key = table.full("mapping");
            table.refuse(
                "parser",
                "needs a mapping",
                format!("`[[{key}.rules]]`: what is taken from which lines"),
            )
        })
    };
    runner.parser = match name {
        Some(0) => Parser::CodexJsonl,
        Some(1) => Parser::ClaudeStream,
        Some(2) => Parser::Jsonl(wanted()?),
        Some(3) => Parser::Json(wanted()?),
        Some(_) => Parser::Text,
        None => match (&runner.parser, &mapping) {
            (Parser::Jsonl(_), Some(mapping)) => Parser::Jsonl(mapping.clone()),
            (Parser::Json(_), Some(mapping)) => Parser::Json(mapping.clone()),
            (parser, _) => parser.clone(),
        },
    };
    if mapping.is_some() && runner.parser.mapping().is_none() {
        return Err(table.refuse(
            "mapping",
            format!("the parser `{}` takes no mapping", runner.parser.as_str()),
            "`parser = \"jsonl\"` or `parser = \"json\"`",
        ));
    }
    Ok(())
}

fn mapping(section: &Section<'_>) -> Result<Mapping, ConfigError> {
    section.only(&["rules", "input_includes_cached", "tokens_are", "cost_is"], |_| None)?;
    let expected = format!("`[[{}.rules]]`, one table for each kind of line", section.path);
    let tables = section.sections("rules", &expected)?;
    if tables.is_empty() {
        return Err(section.refuse("rules", "is missing", expected));
    }
    let scope = |key| section.word(key, &Scope::WORDS).map(Option::unwrap_or_default);
    Ok(Mapping {
        rules: tables.iter().map(rule).collect::<Result<_, _>>()?,
        input_includes_cached: section.truth("input_includes_cached")?.unwrap_or_default(),
        tokens_are: scope("tokens_are")?,
        cost_is: scope("cost_is")?,
    })
}

fn rule(table: &Section<'_>) -> Result<Rule, ConfigError> {
    table.only(&["when", "take", "gather"], |_| None)?;
    let mut rule =
        Rule { gather: table.word("gather", &Gather::WORDS)?.unwrap_or_default(), ..Rule::default() };
    if let Some(section) = table.section("when")? {
        for path in section.keys() {
            is_path(&section, path, path)?;
            if let Some(value) = section.any_text(path)? {
                rule.when.insert(path.to_owned(), value);
            }
        }
    }
    let section = table.section("take")?;
    for name in section.iter().flat_map(Section::keys) {
        let Some(section) = &section else { continue };
        let names = || Field::ALL.iter().map(|field| field.as_str());
        let field = Field::ALL.into_iter().find(|field| field.as_str() == name).ok_or_else(|| {
            let expected =
                nearest(name, names()).map_or_else(|| one_of(names()), |meant| format!("`{meant}`"));
            section.refuse(name, "nothing of this name can be taken", expected)
        })?;
        if let Some(path) = section.text(name)? {
            is_path(section, name, &path)?;
            rule.take.insert(field, path);
        }
    }
    if rule.take.is_empty() {
        return Err(table.refuse("take", "takes nothing", "`take = { final_message = \"path.to.it\" }`"));
    }
    Ok(rule)
}

/// Refuses what is no dotted path.
fn is_path(section: &Section<'_>, key: &str, path: &str) -> Result<(), ConfigError> {
    if path.split('.').all(|part| !part.is_empty()) {
        return Ok(());
    }
    Err(section.refuse(
        key,
        format!("{} is no path", quoted(path)),
        "names with dots between them: `item.text`",
    ))
}

fn refuses_root(table: &Section<'_>, runner: &mut Runner) -> Result<(), ConfigError> {
    let Some(section) = table.section("refuses_root")? else { return Ok(()) };
    section.only(&["level", "unless"], |_| None)?;
    let levels = PermissionLevel::ALL.map(|level| (level.as_str(), level));
    let level = section.word("level", &levels)?.or(runner.refuses_root.as_ref().map(|known| known.level));
    let level = level.ok_or_else(|| {
        section.refuse("level", "is missing", "the level that the harness does not do for root")
    })?;
    let mut unless = runner.refuses_root.take().map(|known| known.unless).unwrap_or_default();
    if let Some(texts) = section.texts("unless")? {
        unless.clear();
        for text in texts {
            let Some((name, value)) = text.split_once('=').filter(|(name, _)| is_variable(name)) else {
                let expected = "variables with their values, such as `[\"IS_SANDBOX=1\"]`";
                return Err(section.refuse("unless", format!("{} is not valid", quoted(&text)), expected));
            };
            unless.push((name.to_owned(), value.to_owned()));
        }
    }
    runner.refuses_root = Some(RefusesRoot { level, unless });
    Ok(())
}

fn permissions(table: &Section<'_>, permissions: &mut Permissions) -> Result<(), ConfigError> {
    let levels = PermissionLevel::ALL.map(|level| (level.as_str(), level));
    if let Some(level) = table.word("permission_default", &levels)? {
        permissions.default = level;
    }
    if let Some(section) = table.section("permission_by_stage")? {
        for key in section.keys() {
            let stage: StageName = section.parse_name(key, key, "the name of a stage")?;
            if let Some(level) = section.word(key, &levels)? {
                permissions.by_stage.insert(stage, level);
            }
        }
    }
    if let Some(section) = table.section("permission_by_model")? {
        for key in section.keys() {
            if let Some(level) = section.word(key, &levels)? {
                permissions.by_model.insert(key.to_owned(), level);
            }
        }
    }
    Ok(())
}
