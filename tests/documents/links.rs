//! Every link between documents leads somewhere, every path that is named is there, and every document can be reached.

use std::collections::BTreeSet;

use crate::support::documents::{anchors, documents, links, paragraphs, resolve, spans};
use crate::support::project::{files_ending, read, root};

/// What people read: the documents, and what stands beside the README.
fn all() -> Vec<String> {
    let mut all = documents();
    all.extend(["CONTRIBUTING.md", "CHANGELOG.md"].map(str::to_owned));
    all
}

/// What a document links to within the project, with the line its paragraph begins in; `#anchor` is a part of it.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, paragraph) in paragraphs(text) {
        let within = |target: &&str| !target.contains("://") && !target.starts_with("mailto:");
        found.extend(links(&paragraph).into_iter().filter(within).map(|target| (number, target.to_owned())));
    }
    found
}

/// What is wrong with a link of a document; `None` where it leads somewhere.
fn broken(document: &str, target: &str) -> Option<String> {
    let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let path = if path.is_empty() { Some(document.to_owned()) } else { resolve(document, path) };
    let Some(path) = path.filter(|path| root().join(path).exists()) else {
        return Some(format!("{target} is not there"));
    };
    let anchor = anchor?;
    let known = root().join(&path).is_file() && anchors(&read(&path)).iter().any(|known| known == anchor);
    (!known).then(|| format!("{path} has no heading #{anchor}"))
}

#[test]
fn every_link_leads_somewhere() {
    let mut count = 0;
    let mut wrong = Vec::new();
    for document in all() {
        for (line, target) in targets(&read(&document)) {
            count += 1;
            wrong.extend(broken(&document, &target).map(|what| format!("{document}:{line}: {what}")));
        }
    }
    assert!(count > 30, "the search finds links ({count})");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a code span is a path of the project, by its first folder.
fn is_path(span: &str) -> bool {
    const FOLDERS: [&str; 7] = ["docs/", "src/", "tests/", "fixtures/", "scripts/", "benches/", ".ci/"];
    FOLDERS.iter().any(|folder| span.starts_with(folder)) && !span.contains([' ', '<', '*', '{'])
}

#[test]
fn every_path_that_is_named_is_there() {
    let mut count = 0;
    let mut wrong = Vec::new();
    for document in all() {
        for (number, paragraph) in paragraphs(&read(&document)) {
            for path in spans(&paragraph).into_iter().filter(|span| is_path(span)) {
                count += 1;
                // Not part of the published package.
                let outside = path.starts_with(".ci/");
                if !outside && !root().join(path).exists() {
                    wrong.push(format!("{document}:{number}: {path} is not there"));
                }
            }
        }
    }
    assert!(count > 10, "the search finds paths ({count})");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_document_can_be_reached_from_the_readme() {
    let all: BTreeSet<String> = all().into_iter().collect();
    let mut reached = BTreeSet::from(["README.md".to_owned()]);
    let mut todo = vec!["README.md".to_owned()];
    while let Some(document) = todo.pop() {
        for (_, target) in targets(&read(&document)) {
            let Some(path) = resolve(&document, target.split('#').next().unwrap_or_default()) else {
                continue;
            };
            // A link to a folder is a link to what is in it.
            let more = if root().join(&path).is_dir() { files_ending(&path, "md") } else { vec![path] };
            for path in more.into_iter().filter(|path| all.contains(path)) {
                if reached.insert(path.clone()) {
                    todo.push(path);
                }
            }
        }
    }
    let lost: Vec<&String> = all.difference(&reached).collect();
    assert!(lost.is_empty(), "no link leads to {lost:?}");
}

#[test]
fn the_index_of_the_runtime_has_each_of_its_documents() {
    let index = "docs/runtime/README.md";
    let linked: BTreeSet<String> =
        targets(&read(index)).into_iter().filter_map(|(_, target)| resolve(index, &target)).collect();
    let missing: Vec<String> = files_ending("docs/runtime", "md")
        .into_iter()
        .filter(|document| document != index && !linked.contains(document))
        .collect();
    assert!(missing.is_empty(), "{index} does not name {missing:?}");
}

/// The keys of a front matter, in order.
fn keys(text: &str) -> Vec<&str> {
    let front =
        text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n")).expect("front matter").0;
    front
        .lines()
        .filter(|line| !line.starts_with([' ', '-']))
        .filter_map(|line| line.split(':').next())
        .collect()
}

#[test]
fn a_skill_among_the_documents_is_a_skill_like_those_that_ship() {
    let shipped = read("src/assets/skills/stage/execution/builder-core/SKILL.md");
    for path in files_ending("docs/skills", "md").into_iter().filter(|path| path.ends_with("/SKILL.md")) {
        let text = read(&path);
        assert_eq!(keys(&text), keys(&shipped), "{path}");
        let id = path.trim_start_matches("docs/skills/").trim_end_matches("/SKILL.md");
        assert!(text.contains(&format!("\nasset_id: {id}\n")), "{path}");
        assert!(text.contains("\ncapability_type: documentation\n"), "{path}");
    }
}

#[test]
fn a_broken_link_is_named() {
    let wrong = |target: &str| broken("docs/runtime/README.md", target);
    assert_eq!(wrong("../../README.md#permission"), None);
    assert_eq!(wrong("millrace-ledger-format.md"), None);
    assert_eq!(wrong("../durability.md#what-is-promised"), None);
    assert!(wrong("README.md#nowhere").is_some());
    assert!(wrong("#nowhere").is_some());
    assert!(wrong("../../../README.md").is_some());
    assert!(wrong("none.md").is_some());
}

#[test]
fn anchors_are_made_as_the_hosts_make_them() {
    let text = "# A `code` word: and more\n\n```sh\n# no heading\n```\n## Same\n## Same\n#no\n";
    assert_eq!(anchors(text), ["a-code-word-and-more", "same", "same-1"]);
}
