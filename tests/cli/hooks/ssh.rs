//! A push over ssh: a real sshd, started for one connection by the client itself (`sshd -i` as its proxy), so that nothing
//! listens anywhere and nothing outlives the push.

use std::path::{Path, PathBuf};

use super::super::commands::{data, task, well};
use super::shown;
use crate::support::repo::TestRepo;

/// The variable that makes a missing sshd an error: where the whole suite has to run.
const REQUIRED: &str = "MILLRACE_TEST_SSHD";

/// The server's program, which is started by its whole path.
fn sshd() -> Option<PathBuf> {
    let search = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&search).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")]);
    folders.map(|folder| folder.join("sshd")).find(|path| path.is_file())
}

/// Where Debian's sshd wants an empty folder when it is root's.
const SEPARATION: &str = "/run/sshd";

/// Keys and configuration of both ends; gives what git calls ssh by, and the server's log.
fn ends(repo: &TestRepo, sshd: &Path) -> (String, PathBuf) {
    use std::os::unix::fs::PermissionsExt;
    let folder = repo.beside().join("ssh");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o700)).expect("a mode");
    let at = |name: &str| folder.join(name).display().to_string();
    for key in ["host", "user"] {
        let made =
            repo.command("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &at(key)]).status();
        assert!(made.expect("ssh-keygen runs").success());
    }
    std::fs::copy(folder.join("user.pub"), folder.join("authorized")).expect("a copy");
    let configuration = format!(
        "HostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
         KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nLoginGraceTime 20\n\
         SetEnv GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1\n",
        at("host"),
        at("authorized")
    );
    std::fs::write(folder.join("sshd_config"), configuration).expect("a file");
    let (server, configuration, log) = (sshd.display(), at("sshd_config"), at("log"));
    let command = format!(
        "ssh -F none -i {} -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no \
         -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o 'ProxyCommand={server} -i -f {configuration} -E {log}'",
        at("user")
    );
    (command, folder.join("log"))
}

#[test]
fn a_push_over_ssh_brings_work_that_is_held_and_says_from_whom() {
    let Some(sshd) = sshd() else {
        assert!(std::env::var_os(REQUIRED).is_none(), "{REQUIRED} is set, and there is no sshd");
        println!(
            "no sshd on this machine: nothing is pushed over ssh (Debian's package openssh-server has it)"
        );
        return;
    };
    if rustix::process::geteuid().is_root() {
        // As the service's own start does; it is empty and stays so.
        std::fs::create_dir_all(SEPARATION).expect("a folder");
    }
    let server = TestRepo::init_with(&["--bare"]);
    server.git(&["config", "millrace.incoming.tasks", "tasks/*.md"]);
    well(&server, &["hooks", "install"]);
    let client = TestRepo::with_commit();
    client.write("tasks/one.md", task("one"));
    client.git(&["add", "-A"]);
    client.git(&["commit", "--quiet", "-m", "a task"]);
    let user = server.command("id").arg("-un").output().expect("id runs");
    let user = String::from_utf8_lossy(&user.stdout).trim().to_owned();
    let (ssh, log) = ends(&client, &sshd);
    let push = |branch: &str| {
        client
            .command("timeout")
            .args(["60", "git", "push", &format!("ssh://{user}@localhost{}", server.path().display())])
            .arg(format!("main:{branch}"))
            .env("GIT_SSH_COMMAND", &ssh)
            .output()
            .expect("git runs")
    };
    let pushed = push("main");
    let text = String::from_utf8_lossy(&pushed.stderr).into_owned();
    let said = std::fs::read_to_string(&log).unwrap_or_default();
    assert!(pushed.status.success(), "{text}\n{said}");
    assert!(text.contains("remote: millrace: held until `millrace release`: task/one"), "{text}");
    assert_eq!(server.git(&["rev-parse", "main"]), client.git(&["rev-parse", "main"]));
    let item = shown(&server, &well(&server, &["queue", "show", "task/one"]));
    let origin = item.lines().find(|line| line.starts_with("from ")).unwrap_or_else(|| panic!("{item}"));
    assert!(origin.contains(&format!("push to refs/heads/main by {user} (rule incoming")), "{origin}");
    // The same work on another branch is known.
    let again = push("other");
    assert!(again.status.success());
    let items = data(&server, "queue_ls", &["queue", "ls"])["items"].as_array().expect("items").len();
    assert_eq!(items, 1, "{}", String::from_utf8_lossy(&again.stderr));
}
