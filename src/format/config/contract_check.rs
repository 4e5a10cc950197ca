//! What has to hold between the keys of a contract, so that none of them says what nothing does.

use super::ConfigError;
use super::contract::{PromptBy, Runner, RunnerKind};
use super::section::Section;
use super::template::{Argument, Piece, Template, Variable};

/// Refuses a contract whose keys do not go together. What an inherited key says and no command line uses any more is
/// dropped.
pub(super) fn check(table: &Section<'_>, runner: &mut Runner) -> Result<(), ConfigError> {
    program(table, runner)?;
    for (key, arguments) in [("argv", &runner.argv), ("resume_argv", &runner.resume_argv)] {
        places(table, key, arguments, key == "resume_argv")?;
    }
    inner(table, runner)?;
    prompt(table, runner)?;
    posture(table, runner)?;
    unused(table, runner)?;
    let twice = runner.infra_exits.iter().find(|code| runner.ok_exits.contains(code));
    if let Some(code) = twice {
        let key = if table.has("infra_exits") { "infra_exits" } else { "ok_exits" };
        return Err(table.refuse(
            key,
            format!("{code} is in `ok_exits` and in `infra_exits`"),
            "each code in one of them",
        ));
    }
    Ok(())
}

/// The first argument is a program.
fn program(table: &Section<'_>, runner: &Runner) -> Result<(), ConfigError> {
    let expected = "the program and its arguments, such as `[\"my-agent\", \"--quiet\"]`";
    let names_one = |arguments: &[Argument]| match arguments.first() {
        Some(Argument::One(first)) => {
            !first.to_string().trim().is_empty() && !first.only_variable().is_some_and(Variable::is_list)
        }
        _ => false,
    };
    if runner.argv.is_empty() && !table.has("argv") {
        // The shipped contract of `command` leaves it to the operator.
        if runner.kind == RunnerKind::Command && table.path.is_empty() {
            return Ok(());
        }
        return Err(table.refuse("argv", "is missing", expected));
    }
    if !names_one(&runner.argv) {
        return Err(table.refuse("argv", "names no program", expected));
    }
    if !runner.resume_argv.is_empty() && !names_one(&runner.resume_argv) {
        return Err(table.refuse("resume_argv", "names no program", expected));
    }
    Ok(())
}

/// Each variable stands where it can.
fn places(table: &Section<'_>, key: &str, arguments: &[Argument], resumes: bool) -> Result<(), ConfigError> {
    for argument in arguments {
        lists(table, key, argument)?;
    }
    let has_session = arguments.iter().flat_map(Argument::variables).any(|it| it == Variable::Session);
    match (has_session, resumes) {
        (true, false) => {
            Err(table.refuse(key, "`{session}` is known to `resume_argv` only", "`{session}` there"))
        }
        (false, true) if !arguments.is_empty() => {
            Err(table.refuse(key, "does not say which session", "`{session}` in one of its arguments"))
        }
        _ => Ok(()),
    }
}

/// A list stands alone, or once in a group.
fn lists(table: &Section<'_>, key: &str, argument: &Argument) -> Result<(), ConfigError> {
    let lists: Vec<Variable> = argument.variables().filter(|variable| variable.is_list()).collect();
    let fits = match argument {
        Argument::One(template) => lists.is_empty() || template.only_variable().is_some(),
        Argument::Group(_) => lists.len() < 2,
    };
    match lists.first() {
        Some(list) if !fits => Err(table.refuse(
            key,
            format!("`{{{}}}` is a list, and {} holds more than it", list.as_str(), quoted(argument)),
            "a list as an argument of its own, or once in a list of arguments that belong together",
        )),
        _ => Ok(()),
    }
}

fn quoted(argument: &Argument) -> String {
    super::super::quote::quoted(&argument.to_string())
}

/// What `{level}` and `{final_file}` stand for holds neither of them again.
fn inner(table: &Section<'_>, runner: &Runner) -> Result<(), ConfigError> {
    let refuse = |key: &str, variable: Variable| {
        table.refuse(key, format!("`{{{}}}` cannot stand here", variable.as_str()), "other variables")
    };
    for (level, flags) in &runner.levels {
        let key = format!("levels.{level}");
        for argument in flags {
            lists(table, &key, argument)?;
            let wrong = argument
                .variables()
                .find(|it| matches!(it, Variable::Level | Variable::Session | Variable::Prompt));
            if let Some(variable) = wrong {
                return Err(refuse(&key, variable));
            }
        }
    }
    let of_file = runner.final_file.iter().flat_map(Template::variables);
    let wrong = of_file
        .into_iter()
        .find(|it| it.is_list() || matches!(it, Variable::FinalFile | Variable::Session | Variable::Prompt));
    if let Some(variable) = wrong {
        return Err(refuse("final_file", variable));
    }
    // Anywhere else an earlier launch could have left one, and its last words would count.
    let own = |file: &Template| {
        matches!(file.pieces(), [Piece::Variable(Variable::InvDir | Variable::RunDir), Piece::Text(rest), ..]
            if rest.starts_with('/') && !rest.contains(".."))
    };
    match &runner.final_file {
        Some(file) if !own(file) => Err(table.refuse(
            "final_file",
            "is not in a folder of the launch",
            "a path that begins with `{inv_dir}/` or `{run_dir}/`",
        )),
        _ => Ok(()),
    }
}

/// The prompt comes as it is said.
fn prompt(table: &Section<'_>, runner: &Runner) -> Result<(), ConfigError> {
    let lines = [("argv", &runner.argv), ("resume_argv", &runner.resume_argv)];
    for (key, arguments) in lines.into_iter().filter(|(_, arguments)| !arguments.is_empty()) {
        let uses = |wanted| arguments.iter().flat_map(Argument::variables).any(|it| it == wanted);
        let (problem, expected) = match runner.prompt {
            PromptBy::File if !uses(Variable::PromptFile) => (
                "has no `{prompt_file}`, and the prompt comes as a file",
                "`{prompt_file}` in one of its arguments",
            ),
            PromptBy::Argument if !uses(Variable::Prompt) => (
                "has no `{prompt}`, and the prompt comes as an argument",
                "`{prompt}` in one of its arguments",
            ),
            PromptBy::Stdin | PromptBy::File if uses(Variable::Prompt) => {
                ("has `{prompt}`, and the prompt does not come as an argument", "`prompt = \"argument\"`")
            }
            _ => continue,
        };
        return Err(table.refuse(key, problem, expected));
    }
    Ok(())
}

/// Levels that are written down reach the command line.
fn posture(table: &Section<'_>, runner: &Runner) -> Result<(), ConfigError> {
    let lines = [("argv", &runner.argv), ("resume_argv", &runner.resume_argv)];
    for (key, arguments) in lines.into_iter().filter(|(_, arguments)| !arguments.is_empty()) {
        let used = arguments.iter().flat_map(Argument::variables).any(|it| it == Variable::Level);
        if used && runner.levels.is_empty() {
            let expected = format!("`[{}]` with the arguments of each level", table.full("levels"));
            return Err(table.refuse(key, "has `{level}`, and no level is defined", expected));
        }
        if !used && !runner.levels.is_empty() {
            let expected = "`{level}` where the flags of the permission level belong";
            return Err(table.refuse(
                key,
                "has no `{level}`, so that the levels would mean nothing",
                expected,
            ));
        }
    }
    Ok(())
}

/// A key that is a variable stands in a command line.
fn unused(table: &Section<'_>, runner: &mut Runner) -> Result<(), ConfigError> {
    let used = runner.used();
    let keys = [
        Variable::Command,
        Variable::Args,
        Variable::Profile,
        Variable::SkipGitRepoCheck,
        Variable::ExtraConfig,
        Variable::Script,
    ];
    for variable in keys.into_iter().filter(|variable| !used.contains(variable)) {
        let key = variable.as_str();
        if table.has(key) {
            let expected = format!("`{{{key}}}` in `argv`, or no such key");
            return Err(table.refuse(key, "has no effect: no command line uses it", expected));
        }
        match variable {
            Variable::Command => runner.command = None,
            Variable::Args => runner.args.clear(),
            Variable::Profile => runner.profile = None,
            Variable::SkipGitRepoCheck => runner.skip_git_repo_check = false,
            Variable::ExtraConfig => runner.extra_config.clear(),
            _ => runner.script = None,
        }
    }
    if used.contains(&Variable::Script) && runner.script.is_none() && !table.path.is_empty() {
        let expected = "the path of a script, from the root of the work tree";
        return Err(table.refuse("script", "is missing", expected));
    }
    if used.contains(&Variable::Command) && runner.command.is_none() {
        return Err(table.refuse("command", "is missing", "the program that `{command}` stands for"));
    }
    if used.contains(&Variable::FinalFile) && runner.final_file.is_none() {
        return Err(table.refuse("final_file", "is missing", "the file that `{final_file}` stands for"));
    }
    Ok(())
}
