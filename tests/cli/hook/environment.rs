//! What hooks find around them: servers without a home, stages, locks that are held, other users.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{MILLRACE, Scene, WORK, called, script, told};
use crate::cli::commands::task;

/// The line of the last push, as git gave it to the hook.
fn line(scene: &Scene) -> String {
    format!("{} {} refs/heads/main\n", "0".repeat(40), scene.client.git(&["rev-parse", "HEAD"]))
}

#[test]
fn a_server_without_home_identity_or_path_takes_work() {
    let scene = Scene::new("");
    scene.task("a");
    scene.pushed(&["main"]);
    std::fs::write(scene.server.join("millrace/rules.toml"), WORK).expect("rules");
    let mut command = Command::new(MILLRACE);
    command.args(["hook", "post-receive"]).env_clear().current_dir(&scene.server);
    command.env("GIT_DIR", ".").env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("GIT_INDEX_FILE", "/nowhere/index").env("GIT_WORK_TREE", "/nowhere");
    command.env("GIT_OBJECT_DIRECTORY", scene.server.join("objects"));
    command.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", "/nowhere/objects");
    command.env("GIT_PUSH_OPTION_COUNT", "0");
    assert_eq!(called(command, &line(&scene)), (0, vec!["held until `millrace release`: task/a".to_owned()]));
    let by = scene.git_server(&["log", "-1", "--format=%cn <%ce>", "refs/millrace/state"]);
    assert_eq!(by, "millrace <millrace@localhost>");
}

#[test]
fn inside_a_stage_nothing_is_taken_and_nothing_fails() {
    let scene = Scene::new(WORK);
    scene.task("a");
    let output = scene
        .client
        .command("git")
        .args(["push", "origin", "main"])
        .env("MILLRACE_INVOCATION", "0123456789abcdef0123456789abcdef")
        .output()
        .expect("git runs");
    assert!(output.status.success());
    assert_eq!(
        told(&String::from_utf8_lossy(&output.stderr)),
        ["nothing is taken in: this was done inside a stage, whose outbox is the way to new work"]
    );
    assert!(!scene.has_ledger());
}

/// Whoever empties the environment in a stage is still in it.
#[test]
fn an_emptied_environment_leads_out_of_no_stage() {
    if !Path::new("/proc/self/environ").exists() {
        println!("skipped: this system does not tell the environments of processes");
        return;
    }
    let scene = Scene::new(&format!("{WORK}trust = true\n"));
    scene.task("a");
    let mut stage = scene.client.command("sh");
    // More than one command, so that the shell stays.
    stage.args(["-c", "env -u MILLRACE_INVOCATION git push origin main; exit $?"]);
    let output = stage.env("MILLRACE_INVOCATION", "x").output().expect("sh runs");
    assert!(output.status.success());
    assert_eq!(
        told(&String::from_utf8_lossy(&output.stderr)),
        ["nothing is taken in: this was done inside a stage, whose outbox is the way to new work"]
    );
    assert!(!scene.has_ledger());
}

#[test]
fn where_there_is_no_repository_or_no_sense_it_says_so_and_ends_well() {
    let scene = Scene::new(WORK);
    let mut command = scene.client.command(MILLRACE);
    command.args(["hook", "post-receive"]).current_dir("/");
    let (code, said) = called(command, &line(&scene));
    assert_eq!(code, 0);
    assert!(said[0].starts_with("not taken in: / is not in a git repository"), "{said:?}");
    assert!(
        said[1].starts_with("the push stands; `millrace hook post-receive` takes it in later"),
        "{said:?}"
    );
    let (code, said) = scene.call("post-receive", "nonsense\n");
    assert_eq!((code, said[0].as_str()), (0, "not taken in: line 1 of stdin is not `<old> <new> <ref>`"));
    let (code, said) = scene.call("pre-push", "a b c\n");
    assert_eq!(
        (code, said[0].as_str()),
        (0, "not taken in: line 1 of stdin is not `<local ref> <local oid> <remote ref> <remote oid>`")
    );
    assert_eq!(
        said[1],
        "`millrace hooks catch-up --hook pre-push --since COMMIT` takes in what came after COMMIT, nothing twice"
    );
}

#[test]
fn a_lock_that_is_held_is_waited_for_two_seconds() {
    let scene = Scene::new(WORK);
    scene.task("first");
    scene.pushed(&["main"]);
    let lock = scene.server.join("millrace/lock");
    let file = std::fs::File::open(&lock).expect("the lock");
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).expect("locked");
    let old = scene.client.git(&["rev-parse", "HEAD"]);
    let new = scene.task("second");
    let begun = Instant::now();
    let said = scene.pushed(&["main"]);
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(said[0].starts_with("not taken in: "), "{said:?}");
    assert_eq!(
        said[1],
        "the push stands, and is kept: `millrace hooks catch-up` takes it in on the server, nothing twice"
    );
    drop(file);
    let lines = format!("{old} {new} refs/heads/main");
    assert_eq!(
        scene.call("post-receive", &format!("{lines}\n")),
        (0, vec!["held until `millrace release`: task/second".to_owned()])
    );
    assert_eq!(scene.server_runs(&["hooks", "catch-up"]), "nothing to do: nothing new was missed\n");
}

#[test]
fn a_hook_that_takes_too_long_gives_up() {
    let scene = Scene::new(WORK);
    scene.task("a");
    std::fs::remove_file(scene.server.join("hooks/post-receive")).expect("removed");
    scene.pushed(&["main"]);
    let bin = scene.client.beside().join("bin");
    script(&bin.join("git"), "#!/bin/sh\nexec sleep 12\n");
    let mut command = scene.server_command("post-receive");
    command.env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
    let begun = Instant::now();
    let (code, said) = called_without_waiting_for_children(command, &line(&scene));
    assert!(begun.elapsed() < Duration::from_secs(11), "{:?}", begun.elapsed());
    assert_eq!((code, said[0].as_str()), (0, "not taken in: it took longer than 8 s"));
}

/// The same as [`called`], with stderr in a file: a child that is left may still hold it.
fn called_without_waiting_for_children(mut command: Command, stdin: &str) -> (i32, Vec<String>) {
    use std::io::Write as _;
    let file = tempfile::NamedTempFile::new().expect("a file");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(file.reopen().expect("the file"))
        .spawn()
        .expect("millrace starts");
    child.stdin.take().expect("a pipe").write_all(stdin.as_bytes()).expect("written");
    let code = child.wait().expect("millrace ends").code().expect("a code");
    (code, told(&std::fs::read_to_string(file.path()).expect("said")))
}

/// Two users of one group, who both write: root makes them without any entry in the system's tables, somebody else in a
/// name space of their own, where the system allows that.
#[test]
fn two_users_of_one_group_both_write() {
    let scene = Scene::new(WORK);
    scene.git_server(&["config", "core.sharedRepository", "group"]);
    scene.git_server(&["config", "receive.denyNonFastForwards", "false"]);
    if !rustix::process::geteuid().is_root() {
        println!("skipped: two users can be had by root only");
        return;
    }
    if Command::new("setpriv").arg("--version").output().is_err() {
        println!("skipped: there is no setpriv, which runs a program as another user");
        return;
    }
    let (alice, bob, group) = ("41001", "41002", "41000");
    // Both can get at it.
    for folder in scene.server.ancestors().take_while(|folder| *folder != Path::new("/tmp")).skip(1) {
        let mode = std::fs::metadata(folder).expect("a folder").permissions().mode();
        if mode & 0o055 != 0o055 && folder.starts_with(scene.client.beside()) {
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode | 0o055)).expect("open");
        }
    }
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().expect("runs");
        assert!(
            output.status.success(),
            "{program} {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let server = scene.server.to_str().expect("UTF-8");
    run("chown", &["-R", &format!("{alice}:{group}"), server]);
    run("chmod", &["-R", "g+rwX", server]);
    run("find", &[server, "-type", "d", "-exec", "chmod", "g+s", "{}", "+"]);
    let trusted = scene.client.beside().join("trusted");
    std::fs::write(&trusted, format!("[safe]\n\tdirectory = {server}\n")).expect("a file");
    std::fs::set_permissions(&trusted, std::fs::Permissions::from_mode(0o644)).expect("readable");
    let push_as = |user: &str, id: &str, config: Option<&Path>| {
        scene.task(id);
        let new = scene.client.git(&["rev-parse", "HEAD"]);
        let old = scene.client.git(&["rev-parse", "HEAD~1"]);
        // The objects come as the server's user would have written them; the hook runs as the pusher.
        let pack = scene.client.beside().join("objects.pack");
        let objects = scene.client.git(&["rev-list", "--objects", &format!("{old}..{new}")]);
        let mut packing = scene
            .client
            .command("git")
            .args(["pack-objects", "--stdout", "--quiet"])
            .stdin(Stdio::piped())
            .stdout(std::fs::File::create(&pack).expect("a file"))
            .spawn()
            .expect("git starts");
        std::io::Write::write_all(&mut packing.stdin.take().expect("a pipe"), objects.as_bytes())
            .expect("written");
        assert!(packing.wait().expect("git ends").success());
        let as_user = |program: &str| {
            let mut command = Command::new("setpriv");
            command.args([&format!("--reuid={user}"), &format!("--regid={group}"), "--clear-groups", "--"]);
            command.arg(program).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
            command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
            if let Some(config) = config {
                command.env("GIT_CONFIG_GLOBAL", config);
            }
            command.current_dir(&scene.server);
            command
        };
        let unpacked = as_user("git")
            .args(["--git-dir=.", "-c", "safe.directory=*", "unpack-objects", "-q"])
            .env("GIT_CONFIG_GLOBAL", &trusted)
            .stdin(std::fs::File::open(&pack).expect("the pack"))
            .output()
            .expect("git runs");
        assert!(unpacked.status.success(), "{}", String::from_utf8_lossy(&unpacked.stderr));
        let mut hook = as_user(MILLRACE);
        hook.args(["hook", "post-receive"]).env("GIT_DIR", ".");
        called(hook, &format!("{old} {new} refs/heads/main\n"))
    };
    let held = |id: &str| (0, vec![format!("held until `millrace release`: task/{id}")]);
    assert_eq!(push_as(alice, "a", None), held("a"));
    // Somebody else's repository is not written to before git trusts it.
    let (code, said) = push_as(bob, "b", None);
    assert_eq!(code, 0);
    assert!(said[0].contains("git does not trust"), "{said:?}");
    assert_eq!(push_as(bob, "c", Some(&trusted)), held("c"));
    assert_eq!(push_as(alice, "d", None), held("d"));
    assert_eq!(push_as(bob, "e", Some(&trusted)), held("e"));
    // Everything of ours is the group's to write, too.
    let mut looked_at = 0;
    for place in ["millrace", "refs/millrace", "logs/refs/millrace"] {
        for entry in walk(&scene.server.join(place)) {
            let metadata = std::fs::metadata(&entry).expect("there");
            assert_eq!(metadata.gid().to_string(), group, "{}", entry.display());
            if entry.ends_with("rules.toml") {
                continue;
            }
            assert_eq!(metadata.mode() & 0o060, 0o060, "{} {:o}", entry.display(), metadata.mode());
            looked_at += 1;
        }
    }
    assert!(looked_at >= 6, "{looked_at}");
    run("chown", &["-R", "0:0", server]);
    assert_eq!(scene.queue(), ["held task/a", "held task/c", "held task/d", "held task/e"]);
}

fn walk(place: &Path) -> Vec<std::path::PathBuf> {
    let mut found = vec![place.to_owned()];
    let mut at = 0;
    while at < found.len() {
        if found[at].is_dir() {
            let entries = std::fs::read_dir(&found[at]).expect("a folder");
            found.extend(entries.map(|entry| entry.expect("an entry").path()));
        }
        at += 1;
    }
    found
}

#[test]
fn a_program_of_the_users_own_does_what_ours_do() {
    let scene = Scene::new("");
    let file = scene.client.beside().join("a.md");
    std::fs::write(&file, task("a")).expect("a file");
    let add = |more: &[&str]| {
        let mut arguments = vec!["queue", "add-task", file.to_str().expect("UTF-8")];
        arguments.extend_from_slice(more);
        let output = scene.client.command(MILLRACE).args(&arguments).current_dir(&scene.server).output();
        let output = output.expect("millrace runs");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).trim_end().to_owned(),
            String::from_utf8_lossy(&output.stderr).trim_end().to_owned(),
        )
    };
    let line = "mail of\u{1b} alice";
    let (code, said, _) = add(&["--origin", line, "--idempotency-key", "mail-1"]);
    assert_eq!((code, said.as_str()), (Some(0), "added  task/a  held"));
    assert_eq!(scene.origin("task/a"), "mail of alice");
    let (code, said, _) = add(&["--origin", line, "--request-id", "mail-1"]);
    assert_eq!((code, said.as_str()), (Some(0), "known  task/a  this request was answered before"));
    std::fs::write(&file, task("b")).expect("a file");
    let (_, said, _) = add(&["--origin", line, "--trusted"]);
    assert_eq!(said, "added  task/b  queued");
    assert_eq!(scene.origin("task/b"), "mail of alice");
    let (code, _, said) = add(&["--trusted"]);
    assert_eq!(code, Some(2), "{said}");
    let (code, _, said) = add(&["--origin", "\u{202e}"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("there is nothing to read in it"), "{said}");
    let token = format!("{}{}", "gh", "p_aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3z");
    let (code, _, said) = add(&["--origin", &format!("with {token}")]);
    assert_eq!(code, Some(2));
    assert!(said.contains("--origin:1: this line holds a GitHub token") && !said.contains(&token), "{said}");
}
