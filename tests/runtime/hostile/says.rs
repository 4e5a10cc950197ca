//! What a hostile stage prints.

use std::process::Stdio;

use super::stage::Hostile;
use crate::runtime::site::text;

/// What nothing that lasts may hold.
pub(super) const TOKEN: &str = "swordfish-0123456789-not-a-key";

/// Lesson M-13: 500 MB of output cost 1.4 GB of memory and 1 GB of disk.
#[test]
fn m13_it_floods_with_one_line_of_500_mb() {
    let mut hostile = Hostile::new("flood", "");
    hostile.stage();
    assert_eq!(hostile.judged().1, "BUILDER_COMPLETE");
    hostile.is_over();
    let (runtime, supervisor) = hostile.memory();
    assert!(supervisor > 0, "the supervisor was not looked at");
    println!("runtime {runtime} kB, supervisor {supervisor} kB");
    let findings = hostile.findings().join("\n");
    assert!(
        findings.contains("output was cut: stdout 67108864 of 500000022 bytes, stderr 0 of 0 bytes kept"),
        "{findings}"
    );
    // The record says what the log holds of it.
    let exit: toml::Table =
        toml::from_str(&hostile.site.show(&hostile.site.path("runs/", "/01-builder/exit.toml")))
            .expect("TOML");
    let stream = &exit["stdout"];
    assert_eq!((stream["cut"].as_bool(), stream["head"].as_integer()), (Some(true), Some(33_554_432)));
    let log = hostile.site.private().join("logs").join(stream["sha256"].as_str().expect("a digest"));
    assert!(log.metadata().expect("a log").len() < 1024 * 1024, "it is compressed");
    hostile.repository_is_untouched();
}

#[test]
fn what_it_prints_is_no_text() {
    let mut hostile = Hostile::new("not_utf8", "");
    hostile.stage();
    assert_eq!(hostile.judged().1, "BUILDER_COMPLETE");
    let tail = hostile.site.show(&hostile.site.path("runs/", "/01-builder/stdout.tail"));
    assert!(tail.contains('\u{fffd}') && tail.contains("### BUILDER_COMPLETE"), "{tail:?}");
    // Nor does it get at a terminal.
    let run = hostile.site.json(&["runs", "ls"])["runs"][0]["run"].as_str().expect("a run").to_owned();
    let shown = hostile.site.ok(&["runs", "tail", &run]);
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{7}'), "{shown:?}");
    hostile.is_over();
    hostile.repository_is_untouched();
}

#[test]
fn secrets_reach_no_object() {
    let mut hostile = Hostile::new("secrets", "");
    hostile.stage();
    assert_eq!(hostile.judged().1, "BUILDER_COMPLETE");
    hostile.is_over();
    let output = hostile
        .site
        .repo
        .command("git")
        .args(["cat-file", "--batch-all-objects", "--batch"])
        .stdin(Stdio::null())
        .output()
        .expect("git runs");
    assert!(output.status.success());
    let objects = text(&output.stdout);
    assert!(objects.contains("[redacted: the value of HOSTILE_TOKEN]"), "it looks at the right objects");
    for secret in [TOKEN, "bm90IGEga2V5LCBieSBmYXI=", "bm90IGEga2V5LCBlaXRoZXI="] {
        assert!(!objects.contains(secret), "{secret} is in an object");
    }
    let findings = hostile.findings().join("\n");
    assert!(findings.contains("secrets were redacted"), "{findings}");
    hostile.repository_is_untouched();
}
