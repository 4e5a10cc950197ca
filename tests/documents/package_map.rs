//! `docs/source-package-map.md`: every folder and file of `src/`, each with what it says of itself.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use super::generated::{head, is_up_to_date, row, wrapped};
use crate::support::project::{files, read, root};

const MAP: &str = "docs/source-package-map.md";

/// The files below a folder, relative to it, and their folders, which end with `/`; sorted, so that a folder comes
/// before what is in it.
fn entries(folder: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    for path in files(folder) {
        let path = path.strip_prefix(folder).expect("below the folder").trim_start_matches('/');
        found.extend(path.match_indices('/').map(|(at, _)| path[..=at].to_owned()));
        found.insert(path.to_owned());
    }
    found.into_iter().collect()
}

/// The first sentence of a text; `None` where there is none.
fn sentence<'a>(lines: impl Iterator<Item = &'a str>) -> Option<String> {
    let paragraph: Vec<&str> = lines.map(str::trim).take_while(|line| !line.is_empty()).collect();
    let text = paragraph.join(" ");
    let end = text.find(". ").map_or(text.len(), |at| at + 1);
    // Links of the code's documentation lead nowhere here.
    let sentence = text[..end].trim_end_matches('.').replace("[`", "`").replace("`]", "`");
    (!sentence.is_empty()).then_some(sentence)
}

/// What a file says of itself: the first sentence of its module's documentation, of its comment, or its description.
fn purpose(path: &str, text: &str) -> Option<String> {
    let after = |mark: &'static str| {
        let lines = text.lines().skip_while(|line| line.starts_with("#!"));
        sentence(lines.map_while(move |line| line.strip_prefix(mark)))
    };
    match Path::new(path).extension().and_then(|ending| ending.to_str()) {
        Some("rs") => after("//!"),
        Some("md") => {
            let front = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n"));
            let (front, body) = front.unwrap_or(("", text));
            let line = |text: &str, start: &str| {
                text.lines().find_map(|line| line.strip_prefix(start)).map(str::to_owned)
            };
            let purpose = body.split_once("\n## Purpose\n\n").and_then(|(_, after)| sentence(after.lines()));
            line(front, "description: ")
                .or_else(|| line(front, "title: "))
                .or(purpose)
                .or_else(|| line(body, "# "))
        }
        _ => after("#"),
    }
}

/// What a folder says of itself: its `mod.rs`, or the file of the same name beside it.
fn folder_purpose(folder: &str) -> Option<String> {
    [format!("{folder}/mod.rs"), format!("{folder}.rs")]
        .iter()
        .find(|path| root().join(path).exists())
        .and_then(|path| purpose(path, &read(path)))
}

/// The rows of some entries; a folder that says nothing of itself is in the paths of its files.
fn rows(folder: &str, entries: &[String]) -> String {
    let mut rows = head(&["Path", "What it is for"]);
    for name in entries {
        let path = format!("{folder}/{name}");
        let purpose = match path.strip_suffix('/') {
            Some(path) => match folder_purpose(path) {
                Some(purpose) => purpose,
                None => continue,
            },
            // What its folder says already.
            None if path.ends_with("/mod.rs") => continue,
            None => purpose(&path, &read(&path)).unwrap_or_default(),
        };
        rows.push_str(&row(&[&format!("`{name}`"), &purpose]));
    }
    rows
}

fn map() -> String {
    let mut map = "# Source map\n\n".to_owned();
    map.push_str(&wrapped(
        "Every folder and file of `src/`. The lines are the files' own first sentences: this page is generated from \
         them, and a test holds it to them. `docs/architecture.md` says how the floors belong together.",
    ));
    let all = entries("src");
    let own: Vec<String> =
        all.iter().filter(|path| !path.trim_end_matches('/').contains('/')).cloned().collect();
    map.push('\n');
    map.push_str(&rows("src", &own));
    for folder in own.iter().filter_map(|name| name.strip_suffix('/')) {
        let _ = write!(map, "\n## `src/{folder}/`\n\n");
        if let Some(purpose) = folder_purpose(&format!("src/{folder}")) {
            map.push_str(&wrapped(&format!("{purpose}.")));
            map.push('\n');
        }
        map.push_str(&rows(&format!("src/{folder}"), &entries(&format!("src/{folder}"))));
    }
    map
}

#[test]
fn the_map_is_what_the_files_say() {
    let map = map();
    assert!(map.lines().filter(|line| line.starts_with("| `")).count() > 150, "the search finds files");
    is_up_to_date(MAP, &map);
}

#[test]
fn every_file_says_what_it_is_for_in_one_sentence() {
    let map = map();
    let silent: Vec<&str> = map.lines().filter(|line| line.ends_with("` |  |")).collect();
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn a_file_says_what_it_is_for_in_its_own_way() {
    let says = |path: &str, text: &str| purpose(path, text).unwrap_or_default();
    assert_eq!(
        says("a.rs", "//! One thing: this. And\n//! more.\n//!\n//! Later.\nuse a;\n"),
        "One thing: this"
    );
    assert_eq!(says("a.rs", "//! Over two\n//! lines.\n\nuse a;\n"), "Over two lines");
    assert_eq!(says("a.yaml", "# What it is.\na: b\n"), "What it is");
    assert_eq!(says("a.sh", "#!/bin/sh\n# What it is.\n"), "What it is");
    assert_eq!(says("a.md", "---\ndescription: What it is\n---\n# A\n"), "What it is");
    assert_eq!(says("a.md", "# A title\n"), "A title");
    assert_eq!(says("a.md", "# A\n\n## Purpose\n\nDo it. Well.\n"), "Do it");
    assert_eq!(says("a.rs", "use a;\n"), "");
}
