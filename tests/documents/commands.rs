//! Every command that a document, a help text or a hint names is one that the program has, with these options.

use clap::error::ErrorKind;

use crate::support::documents::{Piece, documents, paragraphs, pieces};
use crate::support::project::{files_ending, read};

/// The words of each simple command of a shell line. What is quoted stays together, redirections are left out.
fn simple_commands(line: &str) -> Vec<Vec<String>> {
    let mut commands: Vec<Vec<String>> = vec![Vec::new()];
    let mut word = String::new();
    let mut quote: Option<char> = None;
    let mut redirected = false;
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        let last = commands.len() - 1;
        let mut end = |word: &mut String, redirected: &mut bool| {
            if !word.is_empty() && !std::mem::take(redirected) {
                commands[last].push(word.clone());
            }
            word.clear();
        };
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                // An empty text is a word as well.
                word.push('"');
            }
            (None, '#') if word.is_empty() => break,
            // A placeholder, `<item>`.
            (None, '<') if rest.peek().is_some_and(char::is_ascii_alphabetic) => {
                word.extend(rest.by_ref().take_while(|c| *c != '>').flat_map(char::to_uppercase));
            }
            (None, '<' | '>') => {
                if word.chars().all(|c| c.is_ascii_digit()) {
                    word.clear();
                }
                end(&mut word, &mut redirected);
                redirected = true;
            }
            (None, '|' | ';' | '&' | '(' | ')' | '\n') => {
                end(&mut word, &mut redirected);
                redirected = c == '&' && redirected;
                commands.push(Vec::new());
            }
            (None, c) if c.is_whitespace() => end(&mut word, &mut redirected),
            (_, c) => word.push(c),
        }
    }
    if !word.is_empty() && !redirected {
        commands.last_mut().expect("one at least").push(word);
    }
    commands.retain(|command| !command.is_empty());
    commands
}

/// The arguments of a command of ours; `None` where the words call something else.
fn ours(words: &[String]) -> Option<Vec<String>> {
    const BEFORE: [&str; 8] = ["!", "if", "while", "until", "then", "do", "else", "exec"];
    let skipped = words.iter().skip_while(|word| word.contains('=') || BEFORE.contains(&word.as_str()));
    let mut words = skipped.map(String::as_str);
    let mut first = words.next()?;
    if first == "git" {
        first = words.next()?;
    }
    (first == "millrace").then(|| words.map(str::to_owned).collect())
}

/// Whether a word stands for one that the reader puts in.
fn is_placeholder(word: &str) -> bool {
    let upper = word.chars().any(|c| c.is_ascii_uppercase()) && !word.chars().any(|c| c.is_ascii_lowercase());
    upper || word.contains(['$', '{', '<'])
}

/// What is wrong with a command's arguments.
fn wrong(arguments: &[String]) -> Option<String> {
    // A synopsis: `[OPTIONS]`, `[--timeout SECONDS]`, `FILE...`.
    let bare = |word: &String| word.trim_matches(['[', ']']).trim_end_matches("...").to_owned();
    let words: Vec<String> = arguments
        .iter()
        .map(bare)
        .filter(|word| !word.is_empty() && !["OPTIONS", "COMMAND"].contains(&word.as_str()))
        .collect();
    let all = std::iter::once("millrace").chain(words.iter().map(String::as_str));
    let error = super::cli_reference::program().try_get_matches_from(all).err()?;
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand => None,
        ErrorKind::InvalidValue | ErrorKind::ValueValidation
            if words.iter().any(|word| is_placeholder(word)) =>
        {
            None
        }
        _ => error.to_string().lines().next().map(str::to_owned),
    }
}

/// Spans that begin with the program's name and are none of its commands: what a plan's hash and a commit begin with.
const NO_COMMANDS: [&str; 2] = ["millrace plan 1", "millrace <millrace@localhost>"];

/// The commands in code spans: a span that begins with the program's name.
fn in_spans(text: &str) -> Vec<&str> {
    ["`millrace ", "`git millrace "]
        .iter()
        .flat_map(|start| text.match_indices(start))
        .filter_map(|(at, _)| text[at + 1..].split_once('`').map(|(span, _)| span))
        .filter(|span| !NO_COMMANDS.contains(span))
        .collect()
}

/// The lines of a block that are commands. In a console block they follow a `$ `.
fn in_block(language: &str, line: &str) -> Option<String> {
    match language {
        "console" => line.strip_prefix("$ ").or(line.strip_prefix("> ")).map(str::to_owned),
        _ => ["millrace ", "git millrace "]
            .iter()
            .any(|start| line.starts_with(start))
            .then(|| line.to_owned()),
    }
}

/// Every command that a document names, with where.
fn named(document: &str) -> Vec<(String, String)> {
    let text = read(document);
    let mut found = Vec::new();
    for (number, paragraph) in paragraphs(&text) {
        let spans = in_spans(&paragraph);
        found.extend(spans.into_iter().map(|span| (format!("{document}:{number}"), span.to_owned())));
    }
    for (number, piece) in pieces(&text) {
        let Piece::Code { language, line } = piece else { continue };
        found.extend(in_block(language, line).map(|line| (format!("{document}:{number}"), line)));
    }
    found
}

/// Every command that a source file names in help, hints and comments.
fn named_in_source(path: &str) -> Vec<(String, String)> {
    let text = read(path);
    let spans = text.lines().enumerate().flat_map(|(number, line)| {
        in_spans(line).into_iter().map(move |span| (format!("{path}:{}", number + 1), span.to_owned()))
    });
    spans.collect()
}

#[test]
fn every_command_that_is_named_is_there_with_its_options() {
    let mut all: Vec<(String, String)> = documents().iter().flat_map(|document| named(document)).collect();
    all.extend(["CONTRIBUTING.md", "CHANGELOG.md"].iter().flat_map(|document| named(document)));
    all.extend(files_ending("src/assets", "md").iter().flat_map(|document| named(document)));
    all.extend(files_ending("src", "rs").iter().flat_map(|path| named_in_source(path)));
    let mut count = 0;
    let mut bad = Vec::new();
    for (place, line) in all {
        for arguments in simple_commands(&line).iter().filter_map(|words| ours(words)) {
            count += 1;
            bad.extend(wrong(&arguments).map(|what| format!("{place}: `{line}`: {what}")));
        }
    }
    assert!(count > 60, "the search finds commands ({count})");
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn a_command_that_is_not_there_is_named() {
    let check = |line: &str| -> Vec<String> {
        simple_commands(line)
            .iter()
            .filter_map(|words| ours(words))
            .filter_map(|words| wrong(&words))
            .collect()
    };
    for good in [
        "millrace status --json | jq .data",
        "millrace queue show <item>",
        "run=$(millrace runs ls -n N) && git log",
        "millrace queue cancel a --reason 'one; two | three' 2>&1",
        "git millrace log -n 4",
        "millrace queue add-task [OPTIONS] <FILE>...",
        "git log -n x",
        "echo millrace nothing",
        "if ! millrace verify; then echo no; fi",
    ] {
        assert_eq!(check(good), [""; 0], "{good}");
    }
    for bad in [
        "millrace statsu",
        "millrace log --nothing",
        "true && millrace queue lst",
        "x=$(millrace runs)",
        "millrace queue ls --state gone",
        "millrace queue show a --raw --json",
    ] {
        assert_eq!(check(bad).len(), usize::from(bad != "x=$(millrace runs)"), "{bad}");
    }
    assert_eq!(
        in_spans("use `millrace status` or `git millrace log`"),
        ["millrace status", "git millrace log"]
    );
    assert_eq!(in_block("console", "$ millrace status").as_deref(), Some("millrace status"));
    assert_eq!(in_block("console", "millrace: no"), None);
}
