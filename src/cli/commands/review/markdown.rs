//! A review as Markdown. Texts of others are shown as text: none of them begins a link, a table or a tag, calls anybody
//! or closes an issue.

use std::fmt::Write as _;

use super::Review;
use super::text::FILES;
use crate::format::count::counted;
use crate::format::message;
use crate::format::quote::lines;

/// Characters of one text.
const SHOWN: usize = 1000;

/// Between a sign and what follows it: no person or team is called, and no issue named or closed, by a text of others.
const WORD_JOINER: char = '\u{2060}';

/// Heads of the table of stages; its cells are those of the text.
const HEADS: [&str; 7] = ["Stage", "Result", "Next", "Time", "Tokens", "Cost", "Change"];

impl Review {
    /// The page.
    pub(super) fn markdown(&self) -> String {
        // Writing to a string cannot fail.
        let mut text = format!("# Run {}: {}\n\n", self.run, plain(&self.outcome()));
        for (name, value) in self.facts().iter().filter(|(name, _)| *name != "outcome") {
            let _ = writeln!(text, "- **{name}**: {}", plain(value));
        }
        let (task, more) = self.task_lines();
        let _ = write!(text, "\n## Task\n\n{}", fenced(&task));
        if more > 0 {
            let _ = writeln!(
                text,
                "\nand {}: `git cat-file blob {}`",
                counted(more, "more line"),
                self.task.document.short()
            );
        }
        text.push_str("\n## Stages\n\n");
        if self.stages.is_empty() {
            text.push_str("none yet\n");
        } else {
            let _ = writeln!(text, "| {} |", HEADS.join(" | "));
            let _ = writeln!(text, "|{}", "---|".repeat(HEADS.len()));
        }
        for stage in &self.stages {
            let cells: Vec<String> = stage.row().iter().map(|cell| plain(cell)).collect();
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
        for stage in &self.stages {
            let said = stage.said.iter().filter(|said| !said.is_empty()).map(|said| plain(said));
            let said: Vec<String> =
                said.chain(stage.findings.iter().map(|found| format!("finding: {}", plain(found)))).collect();
            if !said.is_empty() {
                let _ = writeln!(text, "\n**{}**\n", plain(&stage.name));
            }
            for said in said {
                let _ = writeln!(text, "- {said}");
            }
        }
        if !self.verdict.is_empty() {
            text.push_str("\n## Verdict\n\n");
        }
        for criterion in &self.verdict {
            let _ = writeln!(
                text,
                "- **{}** {}: {} ({})",
                criterion.finding.as_str(),
                plain(&criterion.id.to_string()),
                plain(&criterion.text),
                plain(&criterion.evidence)
            );
        }
        let _ = writeln!(text, "\n## Code\n\n{}", plain(&self.code.lies));
        if let Some(changed) = self.code.changed.as_ref().filter(|changed| changed.changed > 0) {
            text.push('\n');
            for file in changed.files.iter().take(FILES) {
                let _ = writeln!(text, "- {} {}", plain(&file.name()), plain(&file.lines()));
            }
            if changed.changed > FILES {
                let _ = writeln!(text, "- and {}", counted(changed.changed - FILES, "more file"));
            }
            let _ = writeln!(
                text,
                "\n{}: `git diff {} {}`",
                plain(&changed.line()),
                self.code.start.short(),
                self.code.end.short()
            );
        }
        if !self.created.is_empty() {
            text.push_str("\n## Made\n\n");
        }
        for made in &self.created {
            let _ = writeln!(text, "- {} ({})", plain(&made.item.to_string()), made.state.unwrap_or("?"));
        }
        text.push_str("\n## Open\n\n");
        if self.open.is_empty() {
            text.push_str("nothing\n");
        }
        for open in &self.open {
            let _ = writeln!(text, "- {}", plain(open));
        }
        text
    }
}

/// A text on one line in which nothing is markup.
fn plain(text: &str) -> String {
    let line = message::one_line(text, SHOWN);
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '<' => plain.push_str("&lt;"),
            '>' => plain.push_str("&gt;"),
            '&' => plain.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' => plain.extend(['\\', c]),
            c => plain.push(c),
        }
        // Forges look for these in the text that is shown, so no escape helps: a joiner, which nobody sees, does.
        let calls = match c {
            '@' => true,
            '#' | '!' | '-' => chars.peek().is_some_and(char::is_ascii_digit),
            _ => false,
        };
        if calls && (c != '-' || plain.to_ascii_lowercase().ends_with("gh-")) {
            plain.push(WORD_JOINER);
        }
    }
    plain
}

/// A text of several lines as a block that ends where we say.
fn fenced(text: &str) -> String {
    let text = lines(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_others_is_markup() {
        assert_eq!(
            plain("a <b>[x](y)</b> |*_`\\ #1 !\u{1b}[1m\nz"),
            "a &lt;b&gt;\\[x\\](y)&lt;/b&gt; \\|\\*\\_\\`\\\\ \\#\u{2060}1 \\! \\[1m z"
        );
        assert_eq!(
            plain("@all, fixes #12, GH-3 and !4; 03-a, gh-x"),
            "@\u{2060}all, fixes \\#\u{2060}12, GH-\u{2060}3 and \\!\u{2060}4; 03-a, gh-x"
        );
        assert_eq!(fenced("a\n````\nb\n"), "`````text\na\n````\nb\n`````\n");
        assert_eq!(fenced("a"), "```text\na\n```\n");
    }
}
