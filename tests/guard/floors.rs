//! A module uses its own floor and those below it.

use super::house::rust_files;
use crate::support::project::read;

/// The floors, from the ground up. `src/lib.rs` shows them from the top down.
const FLOORS: [&str; 8] = ["domain", "format", "compile", "ledger", "workspace", "harness", "runtime", "cli"];

fn floor_of(name: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| *floor == name)
}

/// The floors that a source text names as `crate::<floor>` (in code, not in comments).
fn named(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for part in code.split("crate::").skip(1) {
            let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(part.len());
            found.push((number + 1, &part[..end]));
        }
    }
    found
}

#[test]
fn no_module_uses_a_floor_above_its_own() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for path in rust_files("src") {
        let relative = path.strip_prefix("src/").expect("below src");
        let Some(own) = relative.split(['/', '.']).next().and_then(floor_of) else { continue };
        for (line, floor) in named(&read(&path)) {
            seen += 1;
            if floor_of(floor).is_some_and(|used| used > own) {
                wrong.push(format!("{path}:{line}: uses `{floor}` from `{}`", FLOORS[own]));
            }
        }
    }
    assert!(seen > 100, "the search finds imports at all ({seen})");
    assert!(wrong.is_empty(), "imports against the floors:\n{}", wrong.join("\n"));
}

#[test]
fn the_search_bites() {
    let text = "use crate::runtime::project;\n// crate::cli\nlet x = crate::domain::ids::f();\n";
    assert_eq!(named(text), [(1, "runtime"), (3, "domain")]);
}

#[test]
fn every_floor_is_there_and_in_the_table_of_lib_rs() {
    let lib = read("src/lib.rs");
    for floor in FLOORS {
        assert!(lib.contains(&format!("pub mod {floor};")), "{floor} is declared");
        assert!(
            lib.contains(&format!("| [`{floor}`] |")) || lib.contains(&format!("| [`mod@{floor}`] |")),
            "{floor} is in the table"
        );
        assert!(
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(floor).is_dir(),
            "tests/ mirrors {floor}"
        );
    }
}

/// The pure floors know no clock, no chance, no environment and no files.
#[test]
fn the_pure_floors_do_no_io() {
    const IMPURE: [&str; 9] = [
        "Timestamp::now",
        "SystemTime",
        "Instant::",
        "std::env",
        "std::fs",
        "std::process",
        "std::net",
        "std::thread",
        "getrandom",
    ];
    let mut wrong = Vec::new();
    for path in rust_files("src") {
        let relative = path.strip_prefix("src/").expect("below src");
        if !["domain/", "format/", "compile/"].iter().any(|floor| relative.starts_with(floor)) {
            continue;
        }
        for (number, line) in read(&path).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for word in IMPURE {
                if code.contains(word) {
                    wrong.push(format!("{path}:{}: {word}", number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "the core does no IO:\n{}", wrong.join("\n"));
}

/// Only one file names the YAML crate.
#[test]
fn only_format_yaml_names_the_yaml_crate() {
    let wrong: Vec<String> = rust_files("src")
        .into_iter()
        .filter(|path| path != "src/format/yaml.rs" && !path.starts_with("src/format/yaml/"))
        .filter(|path| {
            read(path).lines().any(|line| line.split("//").next().unwrap_or_default().contains("serde_yaml"))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}
