//! What is installed is what was tested: the package holds every file that the program is made of.

use super::house::rust_files;
use crate::support::project::{read, root};

/// The files that a source takes in while it is compiled, relative to the project.
fn taken_in(source: &str) -> Vec<String> {
    let text = read(source);
    let folder = std::path::Path::new(source).parent().expect("a folder");
    let mut found = Vec::new();
    for (_, rest) in ["include_str!(\"", "include_bytes!(\""]
        .iter()
        .flat_map(|word| text.match_indices(word))
        .map(|(at, word)| text.split_at(at + word.len()))
    {
        let name = rest.split('"').next().expect("a name");
        let path = root().join(folder).join(name);
        let path = path.canonicalize().unwrap_or_else(|error| panic!("{source}: {name}: {error}"));
        let path =
            path.strip_prefix(root().canonicalize().expect("the root")).expect("a file of the project");
        found.push(path.to_string_lossy().into_owned());
    }
    found
}

/// Lesson F-51: an artifact lacked what it needed, and nobody had installed it before it was given away.
#[test]
fn f51_what_is_packaged_is_whole_and_is_installed_and_run() {
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml")).expect("a manifest");
    let package = manifest["package"].as_table().expect("a table");
    let excluded: Vec<&str> =
        package["exclude"].as_array().expect("a list").iter().filter_map(|path| path.as_str()).collect();
    assert!(!package.contains_key("include"), "what is left out is named, not what is taken along");
    let all: Vec<String> = rust_files("src").iter().flat_map(|source| taken_in(source)).collect();
    assert!(all.iter().any(|path| path.starts_with("docs/")) && all.len() > 5, "{all:?}");
    for path in &all {
        let left_out = excluded.iter().any(|folder| format!("/{path}").starts_with(folder));
        assert!(!left_out, "{path} is compiled in, and not in the package");
    }
    // A checkout has the gate; an unpacked package is what the gate made.
    let gate = root().join(".ci/run");
    if gate.exists() {
        let gate = std::fs::read_to_string(gate).expect("text");
        let at = |what: &str| gate.find(what).unwrap_or_else(|| panic!("no `{what}` in .ci/run"));
        let steps = [
            "cargo package",
            "tar -xzf",
            "cargo install --path \"$home/",
            "bin/millrace\" --version",
            "bin/millrace\" demo",
        ];
        assert!(steps.windows(2).all(|pair| at(pair[0]) < at(pair[1])), "in this order: {steps:?}");
    }
}
