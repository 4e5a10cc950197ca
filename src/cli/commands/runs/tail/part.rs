//! The texts that the ledger keeps of a launch, and which of them are worth showing first.

use serde::Serialize;

use super::Stream;
use crate::cli::stdout::say;
use crate::domain::ids::RunId;
use crate::domain::place::{self, TreePath};
use crate::domain::result::Judgement;
use crate::domain::transition::decision::StageResult;
use crate::domain::view::Fault;
use crate::ledger::view::TreeView;
use crate::runtime::evidence::is_report;

/// One text of a launch.
#[derive(Debug, Serialize)]
pub(super) struct Part {
    /// Its file's name.
    pub(super) name: String,
    /// Its last lines.
    pub(super) text: String,
    /// Lines before them.
    pub(super) left_out: usize,
}

impl Part {
    pub(super) fn say_left_out(&self) {
        if self.left_out > 0 {
            say(&format!("{}: {} earlier lines are left out (-n 0 shows all)", self.name, self.left_out));
        }
    }
}

/// What the ledger keeps of a launch that has ended; empty where it keeps nothing of that kind.
pub(super) fn kept(
    view: &TreeView<'_, '_>,
    run: &RunId,
    launch: &str,
    stream: Option<Stream>,
    lines: usize,
) -> Result<Vec<Part>, Fault> {
    let folder = format!("{}/{launch}", place::run_folder(run));
    let path = |name: &str| {
        TreePath::new(name).map_err(|error| Fault { at: folder.clone(), detail: error.to_string() })
    };
    let names: Vec<String> = view.list(&path(&folder)?)?.iter().map(|entry| entry.name.clone()).collect();
    let result: Option<StageResult> = view.record(&path(&format!("{folder}/result.toml"))?)?;
    let artifacts = match result.map(|result| result.judgement) {
        Some(Judgement::Reported { artifacts, .. }) => artifacts,
        _ => Vec::new(),
    };
    let mut parts = Vec::new();
    for name in choose(&names, &artifacts, stream) {
        let at = format!("{folder}/{name}");
        let bytes = view.file(&path(&at)?)?.ok_or(Fault { at, detail: "missing".to_owned() })?;
        let text = String::from_utf8_lossy(&bytes);
        let (text, left_out) = newest_lines(&text, lines);
        parts.push(Part { name, text: text.to_owned(), left_out });
    }
    Ok(parts)
}

/// What is said where nothing of that is kept.
pub(super) fn nothing_kept(run: &RunId, launch: &str, stream: Option<Stream>) -> String {
    let what = match stream {
        None => "nothing that it said",
        Some(Stream::Stdout) => "no stdout",
        Some(Stream::Stderr) => "no stderr",
        Some(Stream::Final) => "no final message",
        Some(Stream::Report) => "no report",
    };
    format!("of {launch} of run {run} the ledger keeps {what}")
}

/// The files that are asked for; else the best that there are.
fn choose(names: &[String], artifacts: &[String], stream: Option<Stream>) -> Vec<String> {
    let one = |name: &str| names.iter().filter(|kept| *kept == name).cloned().collect::<Vec<_>>();
    match stream {
        Some(Stream::Stdout) => one("stdout.tail"),
        Some(Stream::Stderr) => one("stderr.tail"),
        Some(Stream::Final) => one("final-message.md"),
        Some(Stream::Report) => {
            // What the stage names as its artifacts comes first, in its order.
            let reports = names.iter().filter(|name| is_report(name));
            let mut chosen: Vec<String> =
                artifacts.iter().filter(|name| names.contains(name) && is_report(name)).cloned().collect();
            chosen.extend(reports.filter(|name| !artifacts.contains(name)).cloned());
            chosen.dedup();
            chosen
        }
        None => [Stream::Report, Stream::Final, Stream::Stdout, Stream::Stderr]
            .into_iter()
            .map(|stream| choose(names, artifacts, Some(stream)))
            .find(|chosen| !chosen.is_empty())
            // A stage that said nothing still came to something.
            .unwrap_or_else(|| one("result.toml")),
    }
}

/// The last `count` lines of a text, and how many stand before them; 0 takes all.
pub(super) fn newest_lines(text: &str, count: usize) -> (&str, usize) {
    if count == 0 {
        return (text, 0);
    }
    let body = text.strip_suffix('\n').unwrap_or(text);
    match body.rmatch_indices('\n').nth(count - 1) {
        None => (text, 0),
        Some((at, _)) => (&text[at + 1..], text[..=at].matches('\n').count()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(names: &[&str], artifacts: &[&str], stream: Option<Stream>) -> Vec<String> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        choose(&owned(names), &owned(artifacts), stream)
    }

    #[test]
    fn a_report_is_better_than_a_message_and_a_message_than_a_stream() {
        let given = ["entrypoint.md", "exit.toml", "item.md", "prompt.md", "request.toml", "result.toml"];
        let of = |more: &[&str], artifacts: &[&str]| chosen(&[&given, more].concat(), artifacts, None);
        let all =
            ["b.md", "builder_summary.md", "final-message.md", "result.json", "stderr.tail", "stdout.tail"];
        assert_eq!(of(&all, &[]), ["b.md", "builder_summary.md"]);
        assert_eq!(of(&all, &["builder_summary.md", "gone.md", "prompt.md"]), ["builder_summary.md", "b.md"]);
        assert_eq!(of(&all[2..], &[]), ["final-message.md"]);
        assert_eq!(of(&all[3..], &[]), ["stdout.tail"]);
        assert_eq!(of(&all[3..5], &[]), ["stderr.tail"]);
        assert_eq!(of(&[], &["prompt.md"]), ["result.toml"]);
        assert!(chosen(&given[..5], &[], None).is_empty());
        assert_eq!(chosen(&all, &[], Some(Stream::Stderr)), ["stderr.tail"]);
        assert!(chosen(&all[3..], &[], Some(Stream::Report)).is_empty());
    }

    #[test]
    fn the_last_lines_of_a_text() {
        assert_eq!(newest_lines("a\nb\nc\n", 2), ("b\nc\n", 1));
        assert_eq!(newest_lines("a\nb\nc", 1), ("c", 2));
        assert_eq!(newest_lines("a\nb\n", 2), ("a\nb\n", 0));
        assert_eq!(newest_lines("a\nb\n", 0), ("a\nb\n", 0));
        assert_eq!(newest_lines("", 3), ("", 0));
        assert_eq!(newest_lines("\n\n", 1), ("\n", 1));
    }
}
