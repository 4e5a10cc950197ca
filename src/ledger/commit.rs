//! Commit objects: rendered and parsed, nothing more than the ledger needs.

use jiff::Timestamp;

use crate::domain::oid::Oid;
use crate::domain::view::Fault;

/// The last second that goes into a commit. Past 2^34 git's commit-graph makes the user's `git fsck` fail; this
/// keeps half the range as margin.
const LATEST_SECOND: i64 = 1 << 33;

/// A person or a stage, as commits name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Name.
    pub name: String,
    /// Mail address.
    pub email: String,
}

impl Person {
    /// A person whose name and address cannot break a commit: what git does not allow in them is left out, and an
    /// empty name gets the fallback.
    #[must_use]
    pub fn new(name: &str, email: &str) -> Self {
        let clean = |text: &str| -> String {
            let kept: String = text.chars().filter(|c| !c.is_control() && !matches!(c, '<' | '>')).collect();
            kept.trim_matches(|c: char| c.is_whitespace() || matches!(c, '.' | ',' | ':' | ';' | '"' | '\''))
                .to_owned()
        };
        let name = clean(name);
        let name = if name.is_empty() { "millrace".to_owned() } else { name };
        Self { name, email: clean(email).replace(' ', "") }
    }
}

/// A commit of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its tree.
    pub tree: Oid,
    /// The commit before it; none at genesis.
    pub parents: Vec<Oid>,
    /// Who did the work.
    pub author: Person,
    /// Who wrote the commit.
    pub committer: Person,
    /// The second of both dates.
    pub second: i64,
    /// The message.
    pub message: String,
}

/// The second for a commit made at `at` after one of second `parent`: dates never run backwards and stay in git's
/// range, whatever the clock says.
#[must_use]
pub fn second(at: Timestamp, parent: Option<i64>) -> i64 {
    at.as_second().max(parent.unwrap_or(0)).clamp(0, LATEST_SECOND)
}

impl Commit {
    /// The object's bytes.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        use std::fmt::Write as _;
        let mut text = format!("tree {}\n", self.tree);
        for parent in &self.parents {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "parent {parent}");
        }
        for (word, person) in [("author", &self.author), ("committer", &self.committer)] {
            let _ = writeln!(text, "{word} {} <{}> {} +0000", person.name, person.email, self.second);
        }
        text.push('\n');
        text.push_str(&self.message);
        text.into_bytes()
    }

    /// The bytes of a commit without its signature, and whether it had one.
    #[must_use]
    pub fn without_signature(bytes: &[u8]) -> (Vec<u8>, bool) {
        let text = String::from_utf8_lossy(bytes);
        let (headers, message) = text.split_once("\n\n").unwrap_or((&text, ""));
        let mut unsigned = String::new();
        let (mut within, mut signed) = (false, false);
        for line in headers.lines() {
            within = line.starts_with("gpgsig ")
                || line.starts_with("gpgsig-sha256 ")
                || (within && line.starts_with(' '));
            signed |= within;
            if !within {
                unsigned.push_str(line);
                unsigned.push('\n');
            }
        }
        (format!("{unsigned}\n{message}").into_bytes(), signed)
    }

    /// A commit from its bytes.
    pub fn parse(oid: Oid, bytes: &[u8]) -> Result<Self, Fault> {
        let broken =
            |detail: &str| Fault { at: oid.to_string(), detail: format!("not a commit of ours: {detail}") };
        let text = std::str::from_utf8(bytes).map_err(|_| broken("not UTF-8"))?;
        let (headers, message) = text.split_once("\n\n").ok_or_else(|| broken("no message"))?;
        let mut tree = None;
        let mut parents = Vec::new();
        let mut author = None;
        let mut committer = None;
        for line in headers.lines() {
            match line.split_once(' ') {
                Some(("tree", value)) => tree = value.parse().ok(),
                Some(("parent", value)) => parents.push(value.parse().map_err(|_| broken("a bad parent"))?),
                Some(("author", value)) => author = person(value),
                Some(("committer", value)) => committer = person(value),
                // A signature, or a header of a later git.
                _ => {}
            }
        }
        let (author, _) = author.ok_or_else(|| broken("no author"))?;
        let (committer, second) = committer.ok_or_else(|| broken("no committer"))?;
        Ok(Self {
            tree: tree.ok_or_else(|| broken("no tree"))?,
            parents,
            author,
            committer,
            second,
            message: message.to_owned(),
        })
    }
}

/// `Name <mail> second zone`
fn person(text: &str) -> Option<(Person, i64)> {
    let (who, when) = text.rsplit_once("> ")?;
    let (name, email) = who.rsplit_once('<')?;
    let second = when.split(' ').next()?.parse().ok()?;
    Some((Person { name: name.trim_end().to_owned(), email: email.to_owned() }, second))
}
