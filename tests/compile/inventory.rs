//! Each thing that the compiler says against a plan is said in a test.

/// The sources that speak to people.
const SOURCES: [(&str, &str); 12] = [
    ("assets.rs", include_str!("../../src/compile/assets.rs")),
    ("freeze.rs", include_str!("../../src/compile/freeze.rs")),
    ("graph.rs", include_str!("../../src/compile/graph.rs")),
    ("instructions.rs", include_str!("../../src/compile/instructions.rs")),
    ("loops.rs", include_str!("../../src/compile/loops.rs")),
    ("mode.rs", include_str!("../../src/compile/mode.rs")),
    ("origin.rs", include_str!("../../src/compile/origin.rs")),
    ("sheet.rs", include_str!("../../src/compile/sheet.rs")),
    ("staffing.rs", include_str!("../../src/compile/staffing.rs")),
    ("stage_kind.rs", include_str!("../../src/compile/stage_kind.rs")),
    ("thresholds.rs", include_str!("../../src/compile/thresholds.rs")),
    ("diagnostics.rs", include_str!("../../src/compile/diagnostics.rs")),
];

/// The tests that show what is said.
const SHOWN: [&str; 4] = [
    include_str!("broken.rs"),
    include_str!("broken_kinds.rs"),
    include_str!("origins.rs"),
    include_str!("overrides.rs"),
];

/// Texts that no test can show, each with the reason.
const UNSHOWN: [(&str, &str); 5] = [
    ("the plan cannot be written: {error}", "a plan has nothing that TOML lacks"),
    ("values that TOML has", "the same"),
    ("the plan's {0}", "about a frozen plan that is damaged: compile::standard_plain"),
    ("the plan's {CONFIG_FILE} is not UTF-8", "the same"),
    ("serde passes a reference", "the reason of a lint"),
];

/// The string literals of a source, without comments. Whoever writes a raw one extends this.
fn literals(source: &str) -> Vec<String> {
    let code: Vec<&str> = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let mut found = Vec::new();
    let code = code.join("\n");
    let mut chars = code.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                // A quote as a character is no beginning of a text.
                let rest = chars.as_str();
                for character in ["\"'", "\\\"'"] {
                    if let Some(after) = rest.strip_prefix(character) {
                        chars = after.chars();
                    }
                }
            }
            '"' => {
                let mut text = String::new();
                while let Some(c) = chars.next() {
                    match c {
                        '"' => break,
                        '\\' => match chars.next() {
                            Some('\n') => chars = chars.as_str().trim_start().chars(),
                            Some('n') => text.push('\n'),
                            Some(other) => text.push(other),
                            None => {}
                        },
                        other => text.push(other),
                    }
                }
                found.push(text);
            }
            _ => {}
        }
    }
    found
}

/// The longest part of a text between its placeholders.
fn fixed(text: &str) -> &str {
    let parts = text
        .split('{')
        .enumerate()
        .map(|(n, part)| if n == 0 { part } else { part.split_once('}').map_or(part, |(_, rest)| rest) });
    parts.max_by_key(|part| part.len()).unwrap_or_default().trim()
}

/// The texts of a source that are sentences and in no test.
fn untested(source: &str, shown: &[&str]) -> Vec<String> {
    literals(source)
        .into_iter()
        .filter(|text| text.contains(' ') && !UNSHOWN.iter().any(|(unshown, _)| unshown == text))
        .filter(|text| !shown.iter().any(|test| test.contains(fixed(text))))
        .collect()
}

#[test]
fn every_message_of_the_compiler_is_shown_by_a_test() {
    let mut seen = 0;
    for (name, source) in SOURCES {
        // Tests that stand beside the source show as well.
        let (source, beside) = source.split_once("#[cfg(test)]").unwrap_or((source, ""));
        seen += literals(source).iter().filter(|text| text.contains(' ')).count();
        let missing = untested(source, &[&SHOWN[..], &[beside]].concat());
        assert!(missing.is_empty(), "src/compile/{name} says what no test shows: {missing:#?}");
    }
    assert!(seen > 90, "only {seen} messages: are they still found?");
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/compile");
    // What the lint says is in `lint.rs`, one fixture a rule.
    let silent = ["mod.rs", "identity.rs", "lint"];
    for entry in std::fs::read_dir(folder).expect("the floor") {
        let name = entry.expect("an entry").file_name().into_string().expect("text");
        assert!(
            silent.contains(&name.as_str()) || SOURCES.iter().any(|(known, _)| *known == name),
            "{name} is new"
        );
    }
    for (text, why) in UNSHOWN {
        assert!(
            SOURCES.iter().any(|(_, source)| literals(source).iter().any(|found| found == text)),
            "{text}: {why}"
        );
    }
}

#[test]
fn a_message_that_no_test_shows_is_found() {
    let source = "// refuse(\"not this one\")\nfield.refuse(format!(\"`{name}` is \\\n        far too odd\"), '\"', \"word\");";
    assert_eq!(untested(source, &["is far"]), ["`{name}` is far too odd"]);
    assert!(untested(source, &["`x` is far too odd; expected"]).is_empty());
}
