//! The rules of the house that a machine can hold.

use std::path::Path;

use crate::support::project::{files, files_ending, read, root};

/// All Rust files below a folder.
pub(super) fn rust_files(folder: &str) -> Vec<String> {
    files_ending(folder, "rs")
}

#[test]
fn every_test_file_is_declared() {
    let mut forgotten = Vec::new();
    for path in rust_files("tests") {
        if path == "tests/suite.rs" || path.ends_with("/main.rs") {
            continue;
        }
        let file = Path::new(&path);
        let (parent, name) = if file.ends_with("mod.rs") {
            let folder = file.parent().expect("a folder");
            let up = folder.parent().expect("a folder");
            let declared = ["suite.rs", "main.rs"].into_iter().map(|name| up.join(name));
            let declared = declared.into_iter().find(|declared| root().join(declared).exists());
            let declared = declared.unwrap_or_else(|| up.join("mod.rs"));
            (declared, folder.file_name().expect("a name"))
        } else {
            let folder = file.parent().expect("a folder");
            // A file's own folder of modules (`play.rs` and `play/`) is declared in that file.
            let beside = folder.with_extension("rs");
            // A binary of its own (`torture/main.rs`) declares what lies beside its main file.
            let main = folder.join("main.rs");
            let declared = [beside, main].into_iter().find(|declared| root().join(declared).exists());
            let declared = declared.unwrap_or_else(|| folder.join("mod.rs"));
            (declared, file.file_stem().expect("a name"))
        };
        let text = read(&parent.to_string_lossy());
        if !text.contains(&format!("mod {};", name.to_string_lossy())) {
            forgotten.push(path);
        }
    }
    assert!(forgotten.is_empty(), "test files that no module declares: {forgotten:?}");
}

#[test]
fn nothing_unfinished_is_left_in_the_code() {
    let words = [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("dbg", "!("),
        concat!("#[", "ignore"),
    ];
    // A process that another test starts is ignored with that reason; nothing else is.
    let allowed = concat!("#[", "ignore = \"run by");
    let mut left = Vec::new();
    for path in rust_files("src").into_iter().chain(rust_files("tests")) {
        for (number, line) in read(&path).lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) && !line.contains(allowed) {
                left.push(format!("{path}:{}", number + 1));
            }
        }
    }
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn every_fixture_is_used_by_a_test() {
    let tests: String = rust_files("tests").iter().chain(&rust_files("src")).map(|path| read(path)).collect();
    let unused: Vec<String> = files("fixtures")
        .into_iter()
        .filter(|path| {
            // Named itself, or its folder is read as a whole.
            let named = |part: &str| tests.contains(part);
            let path = Path::new(path);
            !named(&path.to_string_lossy())
                && !path.ancestors().skip(1).take_while(|folder| folder.as_os_str() != "fixtures").any(
                    |folder| {
                        named(&folder.to_string_lossy())
                            || folder
                                .strip_prefix("fixtures")
                                .is_ok_and(|short| named(&format!("\"{}\"", short.display())))
                    },
                )
        })
        .collect();
    assert!(unused.is_empty(), "fixtures that no test names: {unused:?}");
}

#[test]
fn files_have_one_subject() {
    // Past 600 lines a file almost always has two subjects.
    let long: Vec<String> = rust_files("src")
        .into_iter()
        .map(|path| (read(&path).lines().count(), path))
        .filter(|(lines, _)| *lines > 600)
        .map(|(lines, path)| format!("{path} ({lines})"))
        .collect();
    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent: Vec<String> =
        rust_files("src").into_iter().filter(|path| !read(path).starts_with("//!")).collect();
    assert!(silent.is_empty(), "{silent:?}");
}
