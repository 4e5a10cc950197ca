//! Remotes that refuse, hang, move meanwhile or say more than they should.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use millrace::runtime::project::Project;
use millrace::runtime::sharing::push::{prepare, push};
use millrace::runtime::sharing::remote::Remote;
use millrace::runtime::stop::Stop;

use super::commands::{call, queue, said, task, well};
use super::following::Following;
use super::machines::{Machines, tip};
use super::sharing::program;
use crate::support::repo::TestRepo;

fn ready() -> Machines {
    let machines = Machines::new();
    queue(&machines.a, &task("one"));
    machines
}

/// Nothing was changed here.
#[track_caller]
fn nothing_changed(repo: &TestRepo, before: &str) {
    assert_eq!(tip(repo), before);
    assert_eq!(repo.git(&["for-each-ref", "refs/millrace/remotes"]), "");
    let quarantine = repo.git_dir().join("millrace/quarantine");
    assert!(fs::read_dir(quarantine).map_or(0, Iterator::count) == 0);
}

#[test]
fn a_server_that_hides_our_refs_or_has_rules_of_its_own_is_quoted() {
    let machines = ready();
    let a = &machines.a;
    let before = tip(a);
    machines.served(&["config", "receive.hideRefs", "refs/millrace"]);
    let text = machines.shown(a, &["share", "origin"]);
    assert!(text.contains("\n! millrace: origin cannot be pushed to: refs/millrace/state: [remote rejected] (deny updating a hidden ref)\n"), "{text}");
    assert!(text.starts_with("exit 1\n"), "{text}");
    nothing_changed(a, &before);
    machines.served(&["config", "--unset", "receive.hideRefs"]);

    // What a server says is text, whatever it holds.
    program(
        &machines.server.join("hooks/pre-receive"),
        "#!/bin/sh\nprintf 'not \\033[31mhere\\033[0m\\342\\200\\256 today\\n' >&2\nexit 1\n",
    );
    let output = call(a, &["share", "origin"]);
    let text = said(a, &output);
    assert!(text.contains("[remote rejected] (pre-receive hook declined)"), "{text}");
    assert!(text.contains("remote: not "), "{text}");
    assert!(
        !output.stderr.contains(&0x1b) && !String::from_utf8_lossy(&output.stderr).contains('\u{202e}'),
        "{text}"
    );
    nothing_changed(a, &before);
    fs::remove_file(machines.server.join("hooks/pre-receive")).expect("a file");

    // All of a push, or nothing of it.
    well(a, &["run", "daemon", "--until-idle"]);
    let before = tip(a);
    program(
        &machines.server.join("hooks/update"),
        "#!/bin/sh\ncase $1 in refs/millrace/runs/*) echo no code >&2; exit 1;; esac\n",
    );
    let text = machines.shown(a, &["share", "origin", "--runs"]);
    assert!(text.contains("[remote rejected]"), "{text}");
    assert_eq!(machines.refs(), "");
    nothing_changed(a, &before);
    well(a, &["share", "origin"]);
    assert_eq!(machines.refs(), format!("{before} refs/millrace/state"));
}

#[test]
fn a_server_that_is_not_there_is_one_line() {
    let machines = ready();
    let a = &machines.a;
    let before = tip(a);
    a.git(&["remote", "add", "gone", "file:///nowhere/at/all.git"]);
    for command in [["share", "gone"], ["fetch", "gone"]] {
        let text = machines.shown(a, &command);
        assert!(text.starts_with("exit 1\n! millrace: gone cannot be asked: "), "{text}");
        assert!(text.contains("'/nowhere/at/all.git' does not appear to be a git repository"), "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("! millrace: ")).count(), 1, "{text}");
    }
    nothing_changed(a, &before);
}

/// A server that answers everything in one way.
fn answering(answer: &'static str) -> (u16, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    listener.set_nonblocking(true).expect("a mode");
    let until = Instant::now() + Duration::from_secs(60);
    let thread = std::thread::spawn(move || {
        let mut held = Vec::new();
        let mut served = 0;
        while Instant::now() < until && served < 8 {
            let Ok((mut stream, _)) = listener.accept() else {
                std::thread::sleep(Duration::from_millis(10));
                if served > 0 && held.is_empty() && !answer.is_empty() && Instant::now() > until {
                    break;
                }
                continue;
            };
            served += 1;
            if answer.is_empty() {
                held.push(stream);
                continue;
            }
            let _ = stream.set_nonblocking(false);
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (port, thread)
}

#[test]
fn a_password_is_never_asked_for_and_never_shown() {
    let machines = ready();
    let a = &machines.a;
    if !a.git_output(&["help", "-a"]).stdout.windows(11).any(|word| word == b"remote-http") {
        // This git has no http.
        return;
    }
    let (port, _server) = answering(
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    let before = tip(a);
    a.git(&["remote", "add", "guarded", &format!("http://somebody@127.0.0.1:{port}/a.git")]);
    let text = machines.shown(a, &["share", "guarded"]);
    assert!(text.contains("terminal prompts disabled"), "{text}");
    assert!(
        text.ends_with(
            "! hint: no password is asked for: use a credential helper, an ssh agent or a token\n"
        ),
        "{text}"
    );
    a.git(&["remote", "set-url", "guarded", &format!("http://somebody:dummy-word@127.0.0.1:{port}/a.git")]);
    let text = machines.shown(a, &["fetch", "guarded"]);
    assert!(text.starts_with("exit 1\n"), "{text}");
    assert!(!text.contains("dummy-word"), "{text}");
    nothing_changed(a, &before);
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    let machines = ready();
    let a = &machines.a;
    let before = tip(a);
    let slow = a.beside().join("bin/slow");
    program(&slow, "#!/bin/sh\nsleep 30\n");
    a.git(&["config", "remote.origin.uploadpack", slow.to_str().expect("UTF-8")]);
    let begun = Instant::now();
    assert_eq!(
        machines.shown(a, &["fetch", "origin", "--timeout", "1"]),
        "exit 1\n! millrace: origin did not answer within 1 s\n! hint: `--timeout 1h` gives it more time\n"
    );
    assert!(begun.elapsed() < Duration::from_secs(20));
    nothing_changed(a, &before);
    // Nor is it waited for by somebody who does not want to wait.
    let fetching = Following::start(a, &["fetch", "origin"]);
    std::thread::sleep(Duration::from_millis(500));
    let (code, lines) = fetching.interrupt();
    assert_eq!(code, Some(1), "{lines:?}");
    assert_eq!(lines, ["! millrace: interrupted while origin was asked; nothing was changed here"]);
    nothing_changed(a, &before);
}

#[test]
fn a_fetch_that_is_broken_off_leaves_nothing() {
    let machines = ready();
    let (a, b) = (&machines.a, &machines.b);
    well(a, &["share", "origin"]);
    // The second call of the server, which gives the objects, is cut off after some bytes.
    let cut = b.beside().join("bin/cut");
    let count = b.beside().join("count");
    program(
        &cut,
        &format!(
            "#!/bin/sh\necho x >>{count}\n[ $(wc -l <{count}) -lt 2 ] && exec git upload-pack \"$@\"\n\
             git upload-pack \"$@\" | {{ dd bs=1 count=3000 2>/dev/null; kill $$; }}\n",
            count = count.display()
        ),
    );
    b.git(&["config", "remote.origin.uploadpack", cut.to_str().expect("UTF-8")]);
    b.git(&["config", "protocol.version", "0"]);
    let text = machines.shown(b, &["fetch", "origin"]);
    assert!(text.starts_with("exit 1\n! millrace: origin cannot be fetched from: "), "{text}");
    assert_eq!(b.git(&["for-each-ref", "refs/millrace"]), "");
    assert!(fs::read_dir(b.git_dir().join("millrace/quarantine")).map_or(0, Iterator::count) == 0);
    let left = fs::read_dir(b.git_dir().join("objects/pack")).expect("a folder").count();
    b.git(&["fsck", "--full"]);
    b.git(&["config", "--unset", "remote.origin.uploadpack"]);
    well(b, &["fetch", "origin"]);
    assert!(fs::read_dir(b.git_dir().join("objects/pack")).expect("a folder").count() > left);
}

#[test]
fn what_moves_between_the_listing_and_the_push_is_not_overwritten() {
    let machines = ready();
    let (a, b) = (&machines.a, &machines.b);
    well(a, &["share", "origin"]);
    well(b, &["fetch", "origin"]);
    queue(a, &task("two"));
    let project = Project::open(a.path()).expect("a project");
    let stop = Stop::default();
    let remote = Remote::named(&project, "origin", Duration::from_secs(60)).expect("a remote");
    let parcel = prepare(&project, &remote, false, &stop).expect("a parcel");
    well(b, &["share", "origin"]);
    let (theirs, tracked) = (machines.refs(), a.git(&["rev-parse", "refs/millrace/remotes/origin/state"]));
    let refused = push(&project, &remote, &parcel, &stop).expect_err("it moved");
    assert_eq!(
        refused.to_string(),
        "origin cannot be pushed to: refs/millrace/state: [rejected] (stale info)"
    );
    assert_eq!(machines.refs(), theirs);
    assert_eq!(a.git(&["rev-parse", "refs/millrace/remotes/origin/state"]), tracked);
}

#[test]
fn a_run_branch_that_is_another_one_there_is_left_alone() {
    let machines = ready();
    let a = &machines.a;
    well(a, &["run", "daemon", "--until-idle"]);
    let run = well(a, &["runs", "ls"]).split_whitespace().next().expect("a run").to_owned();
    a.git(&["push", "--quiet", "origin", &format!("main:refs/millrace/runs/{run}")]);
    well(a, &["share", "origin", "--runs"]);
    a.git(&["commit", "--quiet", "--allow-empty", "-m", "another"]);
    a.git(&["push", "--quiet", "--force", "origin", &format!("main:refs/millrace/runs/{run}")]);
    assert_eq!(
        machines.shown(a, &["share", "origin", "--runs"]),
        "exit 1\n! millrace: origin holds another branch of run [run]: [oid] there, [oid] here\n\
         ! hint: without --runs the ledger alone is shared\n"
    );
}
