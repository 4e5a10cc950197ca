//! Hooks, by real pushes over `file://` to a server whose hook is a three-line script.

mod catch_up;
mod client;
mod environment;
mod identity;
mod rules;
mod server;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::commands::{MILLRACE, task};
use crate::support::repo::TestRepo;

/// A client's work tree, and a bare server that it pushes to.
struct Scene {
    client: TestRepo,
    server: PathBuf,
}

/// Takes documents below `work/`, and trailers.
const WORK: &str = "[[rules]]\nname = \"work\"\ntasks = [\"work/**/*.md\"]\n";

impl Scene {
    /// A server with these rules in its file, and a client with one commit that is on the server's `main`.
    fn new(rules: &str) -> Self {
        let scene = Self::empty(rules);
        scene.client.write("README.md", "# A project\n");
        scene.commit("start");
        scene.pushed(&["main"]);
        scene
    }

    /// The same, with nothing pushed yet.
    fn empty(rules: &str) -> Self {
        let client = TestRepo::init();
        let server = client.beside().join("server.git");
        client.git(&["init", "--quiet", "--bare", "--initial-branch=main", server.to_str().expect("UTF-8")]);
        client.git(&["remote", "add", "origin", &format!("file://{}", server.display())]);
        let scene = Self { client, server };
        install(&scene.server, "post-receive");
        std::fs::create_dir_all(scene.server.join("millrace")).expect("a folder");
        std::fs::write(scene.server.join("millrace/rules.toml"), rules).expect("rules");
        scene
    }

    /// Commits all that is there.
    fn commit(&self, message: &str) -> String {
        self.client.git(&["add", "-A"]);
        self.client.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.client.git(&["rev-parse", "HEAD"])
    }

    /// Writes a task document and commits it.
    fn task(&self, id: &str) -> String {
        self.client.write(&format!("work/{id}.md"), task(id));
        self.commit(id)
    }

    fn push(&self, arguments: &[&str]) -> Output {
        let mut all = vec!["push", "origin"];
        all.extend_from_slice(arguments);
        self.client.git_output(&all)
    }

    /// What the hook said of a push that went well, a line each.
    #[track_caller]
    fn pushed(&self, arguments: &[&str]) -> Vec<String> {
        let output = self.push(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "git push {arguments:?}: {said}");
        told(&said)
    }

    /// The hook by hand.
    fn call(&self, name: &str, stdin: &str) -> (i32, Vec<String>) {
        called(self.server_command(name), stdin)
    }

    /// The program as the server's hook calls it.
    fn server_command(&self, name: &str) -> Command {
        let mut command = self.client.command(MILLRACE);
        command.args(["hook", name]).current_dir(&self.server).env("GIT_DIR", ".");
        command
    }

    /// The open items, as `<state> <item>`, sorted.
    fn queue(&self) -> Vec<String> {
        queue(&self.client, &self.server)
    }

    /// Where an item comes from.
    fn origin(&self, item: &str) -> String {
        origin(&self.client, &self.server, item)
    }

    fn has_ledger(&self) -> bool {
        !self.git_server(&["for-each-ref", "refs/millrace/state"]).is_empty()
    }

    /// git in the server.
    fn git_server(&self, arguments: &[&str]) -> String {
        let git_dir = format!("--git-dir={}", self.server.display());
        let mut all = vec![git_dir.as_str()];
        all.extend_from_slice(arguments);
        self.client.git(&all)
    }

    fn server_runs(&self, arguments: &[&str]) -> String {
        let output = self.client.command(MILLRACE).args(arguments).current_dir(&self.server).output();
        let output = output.expect("millrace runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

/// A hook by hand.
fn install(git_dir: &Path, name: &str) {
    let text =
        format!("#!/bin/sh\n# The program is said with its path.\nexec {MILLRACE} hook {name} \"$@\"\n");
    script(&git_dir.join("hooks").join(name), &text);
}

fn script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    std::fs::write(path, text).expect("a script");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("executable");
}

/// Our lines of what git printed.
fn told(said: &str) -> Vec<String> {
    said.lines()
        .filter_map(|line| line.strip_prefix("remote: ").unwrap_or(line).strip_prefix("millrace: "))
        .map(|line| line.trim_end().to_owned())
        .collect()
}

/// Exit code and our lines of a hook that is called by hand.
fn called(mut command: Command, stdin: &str) -> (i32, Vec<String>) {
    use std::io::Write as _;
    use std::process::Stdio;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("millrace starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    let _ = pipe.write_all(stdin.as_bytes());
    drop(pipe);
    let output = child.wait_with_output().expect("millrace ends");
    assert!(output.stdout.is_empty(), "stdout is nobody's: {}", String::from_utf8_lossy(&output.stdout));
    (output.status.code().expect("a code"), told(&String::from_utf8_lossy(&output.stderr)))
}

fn item_of(repo: &TestRepo, at: &Path, item: &str) -> serde_json::Value {
    let output = repo
        .command(MILLRACE)
        .args(["queue", "show", item, "--json"])
        .current_dir(at)
        .output()
        .expect("millrace runs");
    assert!(output.status.success(), "{item}: {}", String::from_utf8_lossy(&output.stderr));
    let envelope: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    envelope["data"].clone()
}

fn origin(repo: &TestRepo, at: &Path, item: &str) -> String {
    item_of(repo, at, item)["origin"].as_str().expect("an origin").to_owned()
}

fn queue(repo: &TestRepo, at: &Path) -> Vec<String> {
    let output =
        repo.command(MILLRACE).args(["queue", "ls"]).current_dir(at).output().expect("millrace runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut found: Vec<String> = text
        .lines()
        .filter(|line| line.contains('/'))
        .map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
        .collect();
    found.sort();
    found
}

/// A task of this id with another text.
fn other_task(id: &str) -> String {
    format!("{}\nMore of it.\n", task(id))
}

/// The user that runs the tests, as the hook names it.
fn user() -> String {
    let output = Command::new("id").arg("-un").output().expect("id runs");
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}
