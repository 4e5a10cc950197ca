//! Signed commits of the ledger: by git's own configuration, without anybody being asked, and never at the price of a
//! daemon that hangs.

use std::time::{Duration, Instant};

use super::integrity::Heard;
use super::site::{STRAIGHT, Site, text};

/// A key without a passphrase, and git told to sign with it.
fn with_key(site: &Site) {
    let key = site.repo.beside().join("key");
    let made = site
        .repo
        .command("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "signer", "-f"])
        .arg(&key)
        .status()
        .expect("ssh-keygen runs");
    assert!(made.success());
    site.repo.git(&["config", "gpg.format", "ssh"]);
    site.repo.git(&["config", "user.signingKey", &key.display().to_string()]);
    site.repo.git(&["config", "commit.gpgSign", "true"]);
}

fn trust(site: &Site) {
    let public = std::fs::read_to_string(site.repo.beside().join("key.pub")).expect("a key");
    let signers = site.repo.beside().join("signers");
    std::fs::write(&signers, format!("signer@example.org {public}")).expect("a file");
    site.repo.git(&["config", "gpg.ssh.allowedSignersFile", &signers.display().to_string()]);
}

#[test]
fn what_git_is_told_to_sign_is_signed_and_git_checks_it() {
    let site = Site::scripted(STRAIGHT);
    let unsigned = site.json(&["verify"])["commits"].as_u64().expect("a number");
    with_key(&site);
    site.add("one");
    site.work();
    site.sound();
    let verified = site.json(&["verify"]);
    let signatures = &verified["signatures"];
    let signed = signatures["signed"].as_u64().expect("a number");
    assert!(signed > 6, "{verified:#}");
    assert_eq!(signatures["unsigned"], unsigned);
    assert_eq!(signatures["checked"], false);
    assert!(verified["not_named"].as_str().expect("text").contains("`millrace verify --signatures`"));
    // git says good of what it trusts, and only of that.
    let checked = site.json(&["verify", "--signatures"]);
    assert_eq!(checked["signatures"]["unknown"], signed, "{checked:#}");
    trust(&site);
    site.repo.git(&["verify-commit", "refs/millrace/state"]);
    let checked = site.json(&["verify", "--signatures"]);
    assert_eq!(
        (&checked["signatures"]["good"], &checked["sound"]),
        (&signed.into(), &true.into()),
        "{checked:#}"
    );
    let keys = checked["signatures"]["keys"].as_object().expect("keys");
    assert!(keys.keys().next().expect("one").starts_with("signer@example.org (SHA256:"), "{keys:?}");
    let since = site.json(&["verify", "--signatures", "--since", &unsigned.to_string()]);
    let not_named = since["not_named"].as_str().expect("text").to_owned();
    assert!(not_named.contains("by one who has a key that git trusts"), "{not_named}");
    // A mix is named: signing ends, and goes on.
    site.repo.git(&["config", "commit.gpgSign", "false"]);
    site.add("two");
    site.repo.git(&["config", "commit.gpgSign", "true"]);
    site.add("three");
    let gap = site.repo.git(&["rev-parse", "refs/millrace/state~1"]);
    assert_eq!(site.json(&["verify"])["signatures"]["first_gap"], gap.as_str());
    let said = text(&site.run(&["verify", "--signatures"]).stdout);
    assert!(said.contains("signed and unsigned commits are mixed: "), "{said}");
    // A signature under other words is bad, and says so.
    let tip = site.repo.git(&["rev-parse", "refs/millrace/state"]);
    let commit = site.repo.git(&["cat-file", "commit", &tip]);
    site.repo.write("forged", commit.replacen("author millrace", "author somebody", 1) + "\n");
    let forged = site.repo.git(&["hash-object", "-t", "commit", "-w", "forged"]);
    site.repo.git(&["update-ref", "refs/millrace/state", &forged]);
    let checked = site.json(&["verify", "--signatures"]);
    let kinds: Vec<&str> = checked["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter_map(|one| one["kind"].as_str())
        .collect();
    assert!(kinds.contains(&"signature") && kinds.contains(&"rewritten"), "{checked:#}");
}

/// Without a key that can be used: `auto` goes on unsigned and says so, `always` writes nothing.
#[test]
fn without_a_key_auto_goes_on_and_always_does_not() {
    let site = Site::scripted(STRAIGHT);
    let nowhere = site.repo.beside().join("nowhere").display().to_string();
    site.repo.git(&["config", "gpg.format", "ssh"]);
    site.repo.git(&["config", "user.signingKey", &nowhere]);
    site.repo.git(&["config", "commit.gpgSign", "true"]);
    let path = site.repo.beside().join("one.md");
    std::fs::write(&path, super::site::task("one")).expect("a document");
    let output = site.run(&["queue", "add-task", &path.display().to_string()]);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("commits of the ledger are not signed, though git is told to sign commits: "),
        "{said}"
    );
    assert_eq!(site.json(&["verify"])["signatures"]["signed"], 0);
    let doctor = text(&site.run(&["doctor"]).stdout);
    assert!(doctor.contains("commits of the ledger are not signed, though git is told to: "), "{doctor}");

    let config =
        std::fs::read_to_string(site.repo.path().join("millrace-agents/millrace.toml")).expect("one");
    site.configure(&format!("[ledger]\nsign = \"always\"\n{config}"));
    let tip = site.repo.git(&["rev-parse", "refs/millrace/state"]);
    let output = site.run(&["pause"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("a commit of the ledger cannot be signed: "), "{said}");
    assert_eq!(site.repo.git(&["rev-parse", "refs/millrace/state"]), tip, "nothing is written");
    with_key(&site);
    site.ok(&["pause"]);
    // The tip's own signature made again is the same: that is no failure.
    let doctor = text(&site.run(&["doctor"]).stdout);
    assert!(doctor.contains("  commits of the ledger are signed\n"), "{doctor}");
    site.ok(&["resume"]);
    site.sound();
}

/// The key goes while a stage runs: what the stage came to is kept until it can be signed, and nothing else is started.
#[test]
fn a_daemon_that_has_to_sign_and_cannot_waits_and_goes_on_by_itself() {
    let site = Site::with(
        crate::support::repo::TestRepo::with_commit(),
        "[ledger]\nsign = \"always\"\n",
        r#"
stages:
  builder:
    - - write: {path: made.txt, content: "made\n"}
      - run: {argv: [sh, -c, 'touch @/began; until [ -e @/go ]; do sleep 0.02; done'], expect: 0}
      - result: {terminal_result: BUILDER_COMPLETE}
  checker: [[{result: {terminal_result: CHECKER_PASS}}]]
  updater: [[{result: {terminal_result: UPDATE_COMPLETE}}]]
"#,
    );
    with_key(&site);
    site.add("one");
    let daemon = Heard::start(&site);
    site.await_sign("began");
    site.repo.git(&["config", "gpg.ssh.program", "false"]);
    let tip = site.repo.git(&["rev-parse", "refs/millrace/state"]);
    site.give("go");
    let said = daemon.hears(|event| event["event"] == "waits" || event["event"] == "trouble");
    assert_eq!((&said["event"], &said["cause"]), (&"waits".into(), &"signing".into()), "{said:#}");
    let status = site.ok(&["status"]);
    assert!(
        status.contains("next: signing: commits of the ledger are all to be signed, and one cannot be: "),
        "{status}"
    );
    assert!(status.contains("make the key usable"), "{status}");
    assert_eq!(site.repo.git(&["rev-parse", "refs/millrace/state"]), tip, "nothing is written");
    site.repo.git(&["config", "--unset", "gpg.ssh.program"]);
    daemon.hears(|event| event["event"] == "stage" && event["next"] == "done");
    daemon.hears(|event| event["event"] == "idle");
    assert!(!site.ok(&["status"]).contains("signing"));
    // The builder ran once: its result was not lost.
    assert_eq!(site.lines("launch: ").len(), 3);
    // Who runs one stage is told the same.
    drop(daemon);
    site.add("two");
    site.repo.git(&["config", "gpg.ssh.program", "false"]);
    let output = site.run(&["run", "once"]);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(said.contains("signing: "), "{said}");
    site.repo.git(&["config", "--unset", "gpg.ssh.program"]);
    site.sound();
}

/// A program that waits for somebody who does not come is ended.
#[test]
fn a_program_that_asks_is_not_waited_for() {
    let site = Site::scripted(STRAIGHT);
    let program = site.repo.beside().join("asks");
    std::fs::write(&program, "#!/bin/sh\nexec sleep 300\n").expect("a program");
    let mut mode = std::fs::metadata(&program).expect("it").permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
    std::fs::set_permissions(&program, mode).expect("executable");
    site.repo.git(&["config", "gpg.program", &program.display().to_string()]);
    site.repo.git(&["config", "commit.gpgSign", "true"]);
    let begun = Instant::now();
    site.add("one");
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(10) && took < Duration::from_secs(60), "{took:?}");
    assert_eq!(site.json(&["verify"])["signatures"]["signed"], 0);
    site.sound();
}
