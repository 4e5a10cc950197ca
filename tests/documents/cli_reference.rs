//! `docs/runtime/millrace-cli-reference.md`: every command and option, from the definitions that the program parses
//! with. What a command changes and the kinds of its answers come from its file: one file is one command.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command};
use millrace::cli::exit::Exit;

use super::generated::{head, is_up_to_date, row, wrapped};
use crate::support::project::{files_ending, read, root};

const REFERENCE: &str = "docs/runtime/millrace-cli-reference.md";

/// The program's commands, with everything that clap adds itself.
pub(super) fn program() -> Command {
    let mut command = millrace::cli::command("millrace");
    command.build();
    command
}

/// A command below the program, with the words that call it.
struct Called<'a> {
    words: Vec<&'a str>,
    command: &'a Command,
}

impl Called<'_> {
    fn name(&self) -> String {
        format!("millrace {}", self.words.join(" "))
    }

    /// Whether it does nothing by itself.
    fn is_group(&self) -> bool {
        self.command.has_subcommands() && self.command.is_subcommand_required_set()
    }
}

/// All commands in the order of the help, groups before what is in them.
fn commands<'a>(parent: &'a Command, words: &[&'a str], found: &mut Vec<Called<'a>>) {
    for command in parent.get_subcommands().filter(|command| !command.is_hide_set()) {
        let words: Vec<&str> = words.iter().copied().chain([command.get_name()]).collect();
        found.push(Called { words: words.clone(), command });
        commands(command, &words, found);
    }
}

/// What a command's own file says.
struct Source {
    changes: Changes,
    /// The kinds of its JSON answers.
    kinds: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Changes {
    Nothing,
    OnRequest,
    State,
}

impl Changes {
    fn sentence(self) -> &'static str {
        match self {
            Self::Nothing => "Reads only.",
            Self::OnRequest => "Reads only, unless an option asks for a change.",
            Self::State => "Changes state; inside a stage it is refused.",
        }
    }
}

/// The file of a command: `queue/add_task.rs` for `queue add-task`, or that of its group where its commands are in it.
fn file(words: &[&str]) -> Option<String> {
    let words: Vec<String> = words.iter().map(|word| word.replace('-', "_")).collect();
    let found = |stem: &str| {
        let paths = [format!("src/cli/commands/{stem}.rs"), format!("src/cli/commands/{stem}/mod.rs")];
        paths.into_iter().find(|path| root().join(path).exists())
    };
    let group = words[..words.len() - 1].join("/");
    found(&words.join("/")).or_else(|| {
        let group = found(&group).filter(|_| !group.is_empty())?;
        (commands_in(&read(&group)) > 0).then_some(group)
    })
}

/// How many commands a file defines.
fn commands_in(text: &str) -> usize {
    text.lines().filter(|line| line.starts_with("pub") && line.contains("Arguments {")).count()
}

/// The kinds of the answers that a file defines.
fn kinds(text: &str) -> Vec<String> {
    let kinds = text.split("const KIND: &'static str = \"").skip(1);
    kinds.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

/// Reads a command's file. `None`: it has none of its own, since it is another name of a command.
fn source(words: &[&str]) -> Option<Source> {
    let text = read(&file(words)?);
    let last = words.last().expect("a word");
    let name: String = last.split('-').map(|part| part[..1].to_uppercase() + &part[1..]).collect();
    let own = text
        .split_once(&format!("\nimpl {name}Arguments {{\n"))
        .map(|(_, after)| after.split_once("\n}\n").map_or(after, |(body, _)| body));
    let opens = |text: &str| {
        let changes = text.contains("open_to_change(") || text.contains("refuse_inside_a_stage(");
        (changes, text.contains(".open()"))
    };
    let changes =
        match own.map(opens).filter(|found| *found != (false, false)).unwrap_or_else(|| opens(&text)) {
            (true, true) => Changes::OnRequest,
            (true, false) => Changes::State,
            (false, _) => Changes::Nothing,
        };
    // In a file with several commands, the kind begins with the words of its command.
    let commands = commands_in(&text);
    let own = words.join("_").replace('-', "_");
    // What a command keeps in a folder of its own answers for it as well.
    let path = file(words)?;
    let folder = path.strip_suffix(".rs").unwrap_or(&path);
    let inner = if root().join(folder).is_dir() { files_ending(folder, "rs") } else { Vec::new() };
    let mut kinds = kinds(&(text.clone() + &inner.iter().map(|path| read(path)).collect::<String>()));
    kinds.retain(|kind| commands < 2 || kind.starts_with(&own));
    // What all commands of a group answer stands in a file of its own.
    let shared = path.rsplit_once('/').map(|(folder, _)| format!("{folder}/answer.rs"));
    if let Some(shared) = shared.filter(|shared| kinds.is_empty() && root().join(shared).exists()) {
        kinds = self::kinds(&read(&shared));
    }
    Some(Source { changes, kinds })
}

/// A doc comment as one text, ended by a full stop; clap takes the last one of a short comment away.
fn sentence(text: Option<&clap::builder::StyledStr>) -> String {
    let text = text.map(ToString::to_string).unwrap_or_default();
    let text = text.trim();
    let ends = text.is_empty() || text.ends_with(['.', ':', '!', '?']);
    if ends { text.to_owned() } else { format!("{text}.") }
}

/// `-n, --number N`, `FILE...`.
fn spelling(argument: &Arg) -> String {
    let mut names: Vec<String> = Vec::new();
    names.extend(argument.get_short().map(|short| format!("-{short}")));
    names.extend(argument.get_long().map(|long| format!("--{long}")));
    let mut text = names.join(", ");
    if argument.get_action().takes_values() {
        let values = argument.get_value_names().unwrap_or_default();
        let many = argument.get_num_args().is_some_and(|count| count.max_values() > values.len().max(1));
        if argument.is_require_equals_set() {
            // As git writes it: the value may be left out, and is never a word of its own.
            let _ = write!(text, "[={}]", values.join(" "));
            return text;
        }
        for value in values {
            let _ = write!(text, "{}{value}", if text.is_empty() { "" } else { " " });
        }
        if many || matches!(argument.get_action(), ArgAction::Append) {
            text.push_str("...");
        }
    }
    text
}

fn meaning(command: &Command, argument: &Arg) -> String {
    let mut text = sentence(argument.get_long_help().or(argument.get_help()));
    if argument.is_required_set() {
        text.push_str(" Required.");
    }
    if argument.get_action().takes_values() {
        let values: Vec<String> = argument
            .get_possible_values()
            .iter()
            .filter(|value| !value.is_hide_set())
            .map(|value| format!("`{}`", value.get_name()))
            .collect();
        if !values.is_empty() {
            let _ = write!(text, " One of {}.", values.join(", "));
        }
        let defaults: Vec<String> = argument
            .get_default_values()
            .iter()
            .map(|value| format!("`{}`", value.to_string_lossy()))
            .collect();
        if !defaults.is_empty() {
            let _ = write!(text, " Default: {}.", defaults.join(", "));
        }
    }
    let against: Vec<String> = command
        .get_arg_conflicts_with(argument)
        .into_iter()
        .map(|other| format!("`{}`", spelling(other)))
        .collect();
    if !against.is_empty() {
        let _ = write!(text, " Not together with {}.", against.join(", "));
    }
    text
}

/// The table of some arguments; nothing where there are none.
fn table(command: &Command, of: impl Fn(&Arg) -> bool) -> String {
    let rows: String = command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set() && of(argument))
        .map(|argument| row(&[&format!("`{}`", spelling(argument)), &meaning(command, argument)]))
        .collect();
    if rows.is_empty() { rows } else { format!("\n{}{rows}", head(&["Argument", "Meaning"])) }
}

/// Help and version are the same everywhere.
fn is_own(argument: &Arg) -> bool {
    !argument.is_global_set() && !matches!(argument.get_id().as_str(), "help" | "version")
}

fn usage(command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    usage.trim_start_matches("Usage:").lines().map(str::trim).collect::<Vec<_>>().join("\n")
}

/// What is said of one command below its heading.
fn body(called: &Called<'_>) -> String {
    let Called { words, command } = called;
    let mut text = format!("```text\n{}\n```\n", usage(command));
    for paragraph in sentence(command.get_long_about().or(command.get_about())).split("\n\n") {
        text.push('\n');
        text.push_str(&wrapped(paragraph));
    }
    text.push_str(&table(command, is_own));
    if let Some(source) = source(words).filter(|_| !called.is_group()) {
        let kinds: Vec<String> = source.kinds.iter().map(|kind| format!("`{kind}`")).collect();
        let kinds = match kinds.len() {
            0 => String::new(),
            1 => format!(" JSON kind: {}.", kinds[0]),
            _ => format!(" JSON kinds: {}.", kinds.join(", ")),
        };
        text.push('\n');
        text.push_str(&wrapped(&format!("{}{kinds}", source.changes.sentence())));
    }
    text
}

/// The whole reference.
fn reference(program: &Command) -> String {
    let mut all = Vec::new();
    commands(program, &[], &mut all);
    let mut text = "# Command reference\n\n".to_owned();
    text.push_str(&wrapped(
        "Every command and option of this version. This page is generated from the definitions that the program \
         parses its arguments with, and a test holds it to them; `millrace COMMAND --help` says the same. \
         `git millrace` is the same program by another name.",
    ));
    text.push_str("\n## Options that every command takes\n");
    text.push_str(&table(program, |argument| !is_own(argument)));
    text.push_str("\n## Exit codes\n\n");
    text.push_str(&head(&["Code", "Meaning"]));
    for exit in Exit::ALL {
        text.push_str(&row(&[&exit.code().to_string(), exit.meaning()]));
    }
    text.push_str("\n## Answers\n\n");
    text.push_str(&wrapped(
        "Data goes to stdout, everything else to stderr. With `--json` an answer is one line, \
         `{\"format\": 1, \"kind\": KIND, \"data\": {...}}`; a command that goes on answers with one such line after \
         the other. The kinds stand with each command. Failures are lines on stderr that begin with `millrace: `, \
         perhaps with a `hint: `, and an exit code other than 0.",
    ));
    text.push_str("\n## Commands\n\n");
    text.push_str(&head(&["Command", "What it does", "Changes state"]));
    for called in all.iter().filter(|called| !called.is_group()) {
        let name = called.name();
        let anchor = name.replace(' ', "-");
        let changes = match source(&called.words).map(|source| source.changes) {
            None => "as its other name",
            Some(Changes::Nothing) => "no",
            Some(Changes::OnRequest) => "when asked",
            Some(Changes::State) => "yes",
        };
        text.push_str(&row(&[
            &format!("[`{name}`](#{anchor})"),
            &sentence(called.command.get_about()),
            changes,
        ]));
    }
    for called in &all {
        let level = if called.words.len() == 1 { "##" } else { "###" };
        let name = called.name();
        let about = sentence(called.command.get_long_about().or(called.command.get_about()));
        let _ = write!(text, "\n{level} {name}\n\n");
        let same = |other: &&Called<'_>| {
            about == sentence(other.command.get_long_about().or(other.command.get_about()))
                && source(&other.words).is_some()
        };
        match all.iter().find(same).filter(|_| source(&called.words).is_none()) {
            Some(other) => {
                let other = other.name();
                let anchor = other.replace(' ', "-");
                let _ = writeln!(text, "Another name of [`{other}`](#{anchor}).");
            }
            None => text.push_str(&body(called)),
        }
    }
    text
}

#[test]
fn the_reference_is_what_the_program_parses() {
    is_up_to_date(REFERENCE, &reference(&program()));
}

#[test]
fn every_kind_of_answer_is_in_the_reference() {
    let program = program();
    let mut all = Vec::new();
    commands(&program, &[], &mut all);
    let named: BTreeSet<String> = all
        .iter()
        .filter(|called| !called.is_group())
        .filter_map(|called| Some(source(&called.words)?.kinds))
        .flatten()
        .collect();
    let known: BTreeSet<String> =
        files_ending("src/cli/commands", "rs").iter().flat_map(|path| kinds(&read(path))).collect();
    assert!(known.len() > 10, "the search finds kinds: {known:?}");
    assert_eq!(named, known);
}

/// The one thing that the source alone says: it must not be misread.
#[test]
fn what_a_command_changes_is_read_from_its_file() {
    let sentence = |words: &[&str]| source(words).expect("a file").changes.sentence();
    assert_eq!(sentence(&["status"]), Changes::Nothing.sentence());
    assert_eq!(sentence(&["queue", "ls"]), Changes::Nothing.sentence());
    assert_eq!(sentence(&["queue", "add-task"]), Changes::State.sentence());
    assert_eq!(sentence(&["run", "daemon"]), Changes::State.sentence());
    assert_eq!(sentence(&["demo"]), Changes::State.sentence());
    assert_eq!(sentence(&["doctor"]), Changes::OnRequest.sentence());
}
