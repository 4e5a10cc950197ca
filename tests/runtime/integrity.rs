//! A ledger that is not what this machine left: the real program, on a real repository. Nothing is written on it, a
//! daemon rests and says why, whoever reads is told, and it heals: by itself when the ref is as it was, by a repair, or by
//! an operator who meant it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::site::{STRAIGHT, Site, text};

/// How long a daemon may take to notice: one look is two seconds, and the machine may be busy.
const SOON: Duration = Duration::from_secs(30);

const STATE: &str = "refs/millrace/state";

fn tip(site: &Site) -> String {
    site.repo.git(&["rev-parse", STATE])
}

fn exit(site: &Site, args: &[&str]) -> (Option<i32>, String) {
    let output = site.run(args);
    (output.status.code(), text(&output.stderr) + &text(&output.stdout))
}

/// A daemon whose events are read as they come.
pub(super) struct Heard {
    child: Child,
    lines: Receiver<Value>,
}

impl Heard {
    pub(super) fn start(site: &Site) -> Self {
        let mut command = site.millrace(&["run", "daemon", "--json"]);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("millrace starts");
        let (send, lines) = channel();
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let event: Value = serde_json::from_str(&line).expect("JSON");
                if send.send(event["data"].clone()).is_err() {
                    break;
                }
            }
        });
        Self { child, lines }
    }

    #[track_caller]
    pub(super) fn hears(&self, what: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + SOON;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let event = self.lines.recv_timeout(left).expect("it is said in time");
            if what(&event) {
                return event;
            }
        }
    }

    fn ends(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it lives");
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A commit with git alone, on top of the tip, with other text in one file of the state.
fn by_hand(site: &Site, path: &str, content: &str) -> String {
    let repo = &site.repo;
    let index = repo.beside().join("hand-index");
    let with = |args: &[&str]| {
        let output = repo.command("git").args(args).env("GIT_INDEX_FILE", &index).output().expect("git runs");
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
        text(&output.stdout).trim().to_owned()
    };
    with(&["read-tree", STATE]);
    repo.write("hand.txt", content);
    let blob = with(&["hash-object", "-w", "hand.txt"]);
    std::fs::remove_file(repo.path().join("hand.txt")).expect("removed");
    with(&["update-index", "--add", "--cacheinfo", &format!("100644,{blob},{path}")]);
    let tree = with(&["write-tree"]);
    std::fs::remove_file(&index).expect("removed");
    let message = repo.git(&["log", "-1", "--format=%B", STATE]);
    repo.git(&["commit-tree", &tree, "-p", STATE, "-m", &message])
}

#[test]
fn a_running_daemon_rests_and_goes_on_when_the_ref_is_as_it_was() {
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    let daemon = Heard::start(&site);
    daemon.hears(|event| event["event"] == "stage" && event["next"] == "done");
    daemon.hears(|event| event["event"] == "idle");
    let good = tip(&site);
    let earlier = site.repo.git(&["rev-parse", &format!("{STATE}~2")]);
    let forged =
        by_hand(&site, "control.toml", &site.show("control.toml").replacen("arrivals = ", "arrivals = 9", 1));
    for (to, why) in [(earlier.as_str(), "was rewound: it holds "), (&forged, "was given commit ")] {
        site.repo.git(&["update-ref", STATE, to]);
        let said = daemon.hears(|event| event["event"] == "waits");
        assert_eq!(said["cause"], "integrity", "{said:#}");
        assert!(said["detail"].as_str().expect("text").contains(why), "{said:#}");
        // Others that write are refused, others that read say it; nothing is written.
        let (code, said) = exit(&site, &["pause"]);
        assert!(
            code == Some(5) && said.contains("the ledger cannot be trusted: ") && said.contains(why),
            "{said}"
        );
        let (code, said) = exit(&site, &["status"]);
        assert!(code == Some(0) && said.contains("!! the ledger cannot be trusted: "), "{said}");
        assert!(said.contains("next: integrity: refs/millrace/state was "), "{said}");
        let (code, said) = exit(&site, &["doctor"]);
        assert!(code == Some(1) && said.contains("the ledger cannot be trusted: "), "{said}");
        assert_eq!(exit(&site, &["verify"]).0, Some(5));
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(tip(&site), to, "nothing was written on it");
        site.repo.git(&["update-ref", STATE, &good]);
        daemon.hears(|event| event["event"] == "idle");
    }
    // What a newer version wrote is no reason to distrust; it is left alone until there is one here as well.
    let record = site.show("ledger.toml");
    let newer = by_hand(&site, "ledger.toml", &record.replace("format = 1", "format = 2"));
    site.repo.git(&["update-ref", STATE, &newer]);
    let said = daemon.hears(|event| event["event"] == "waits");
    assert_eq!(said["cause"], "upgrade", "{said:#}");
    assert!(said["detail"].as_str().expect("text").contains("upgrade millrace"), "{said:#}");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(tip(&site), newer, "nothing was written on it");
    site.repo.git(&["update-ref", STATE, &good]);
    daemon.hears(|event| event["event"] == "idle");
    // It was gone, and is there again.
    site.repo.git(&["update-ref", "-d", STATE]);
    let said = daemon.hears(|event| event["event"] == "waits");
    assert!(said["detail"].as_str().expect("text").contains("is gone; this machine left it at "), "{said:#}");
    site.ok(&["doctor", "--repair"]);
    assert_eq!(tip(&site), good);
    daemon.hears(|event| event["event"] == "idle");
    site.add("two");
    daemon.hears(|event| event["event"] == "stage" && event["next"] == "done");
    assert_eq!(daemon.ends(), Some(0));
    site.sound();
}

#[test]
fn what_was_meant_is_accepted_and_what_was_believed_is_kept() {
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    let (code, said) = exit(&site, &["doctor", "--accept", &tip(&site)]);
    assert!(
        code == Some(1)
            && said.contains("this machine believes the ledger as it stands: there is nothing to accept"),
        "{said}"
    );
    let left = tip(&site);
    let earlier = site.repo.git(&["rev-parse", &format!("{STATE}~1")]);
    site.repo.git(&["update-ref", STATE, &earlier]);
    let (code, said) = exit(&site, &["doctor", "--accept", &left]);
    assert!(code == Some(1), "{said}");
    assert!(
        said.contains(&format!(
            "refs/millrace/state holds {earlier}, not {left}: look at that first, with `millrace verify`"
        )),
        "{said}"
    );
    let answer = site.json(&["doctor", "--accept", &earlier[..9]]);
    assert_eq!(answer["tip"], earlier.as_str());
    let kept = answer["kept"].as_str().expect("a ref").to_owned();
    assert_eq!(site.repo.git(&["rev-parse", &kept]), left);
    let verified = site.json(&["verify"]);
    assert_eq!(verified["sound"], true, "{verified:#}");
    site.add("two");
    // What does not follow from itself is accepted by nobody.
    let forged = by_hand(&site, "control.toml", "arrivals = 99\n");
    let good = tip(&site);
    site.repo.git(&["update-ref", STATE, &forged]);
    let (code, said) = exit(&site, &["doctor", "--accept", &forged]);
    assert!(
        code == Some(5) && said.contains("the ledger is not sound, and cannot be believed: commit "),
        "{said}"
    );
    site.repo.git(&["update-ref", STATE, &good]);
    // One that is gone on purpose.
    site.repo.git(&["update-ref", "-d", STATE]);
    let (code, said) = exit(&site, &["queue", "ls"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = exit(&site, &["init"]);
    assert!(code == Some(5) && said.contains("is gone; this machine left it at "), "{said}");
    site.ok(&["doctor", "--accept", "none"]);
    site.ok(&["init"]);
    site.sound();
}

/// What others wrote by the rules is verified once, and built on.
#[test]
fn what_came_by_the_rules_is_believed() {
    let site = Site::scripted(STRAIGHT);
    let before = tip(&site);
    site.add("one");
    let after = tip(&site);
    let believed = site.private().join("believed");
    assert_eq!(std::fs::read_to_string(&believed).expect("a memory").trim(), after);
    std::fs::write(&believed, format!("{before}\n")).expect("as if another machine had added it");
    site.add("two");
    // A memory that is lost is made anew.
    std::fs::remove_file(&believed).expect("there");
    site.add("three");
    assert_eq!(std::fs::read_to_string(&believed).expect("a memory").trim(), tip(&site));
    std::fs::write(&believed, "torn").expect("a torn memory");
    site.add("four");
    site.sound();
}

/// The reflog tells as well, until it is shortened; the memory tells without it.
#[test]
fn verify_names_what_each_memory_knows() {
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    let left = tip(&site);
    let earlier = site.repo.git(&["rev-parse", &format!("{STATE}~1")]);
    site.repo.git(&["update-ref", STATE, &earlier]);
    std::fs::remove_file(site.private().join("believed")).expect("there");
    let verified = site.json(&["verify"]);
    assert_eq!(verified["findings"][0]["kind"], "rewound", "{verified:#}");
    let (_, said) = exit(&site, &["verify"]);
    assert!(said.contains(&format!("the reflog names {left}, which goes on from here")), "{said}");
    std::fs::write(site.private().join("believed"), format!("{left}\n")).expect("a memory");
    site.repo.git(&["reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all"]);
    let (code, said) = exit(&site, &["verify"]);
    assert!(code == Some(5) && said.contains("what this machine wrote or verified last names "), "{said}");
    // Not even the commit is left: that it is not part of the ledger can be told all the same.
    site.repo.git(&["gc", "--quiet", "--prune=now"]);
    assert_eq!(exit(&site, &["verify"]).0, Some(5));
    site.repo.git(&["update-ref", "refs/millrace/remotes/origin/state", &earlier]);
    site.ok(&["doctor", "--accept", &earlier]);
    site.add("two");
    let verified = site.json(&["verify"]);
    assert_eq!(verified["sound"], true, "{verified:#}");
    // A remote that is ahead is no fault of this ledger; one that parted from it is named.
    let ahead = tip(&site);
    site.repo.git(&["update-ref", "refs/millrace/remotes/origin/state", &ahead]);
    site.repo.git(&["update-ref", STATE, &format!("{STATE}~1")]);
    site.ok(&["doctor", "--accept", &tip(&site)]);
    let (code, said) = exit(&site, &["verify"]);
    assert!(code == Some(0) && said.contains("the ledger fetched from origin is ahead of it, at "), "{said}");
    site.add("three");
    let verified = site.json(&["verify"]);
    assert_eq!(verified["findings"][0]["kind"], "diverged", "{verified:#}");
}

/// What git shows in place of what was written is named; what was written is what counts.
#[test]
fn replacements_and_grafts_are_named() {
    let site = Site::scripted(STRAIGHT);
    for n in 0..6 {
        site.add(&format!("task-{n}"));
    }
    let repo = &site.repo;
    let chain = repo.git(&["rev-list", "--reverse", STATE]);
    let chain: Vec<&str> = chain.lines().collect();
    let grafts = repo.git_dir().join("info/grafts");
    std::fs::create_dir_all(grafts.parent().expect("a folder")).expect("a folder");
    for (n, commit) in chain.iter().enumerate().skip(1) {
        repo.git(&["update-ref", &format!("refs/replace/{commit}"), chain[n - 1]]);
        let verified = site.json(&["verify"]);
        let found = &verified["findings"][0];
        assert_eq!(
            (found["kind"].as_str(), found["commit"].as_str()),
            (Some("veiled"), Some(*commit)),
            "{verified:#}"
        );
        assert_eq!(verified["findings"].as_array().map(Vec::len), Some(1), "{verified:#}");
        if n == 1 {
            let (code, said) = exit(&site, &["doctor"]);
            assert!(
                code == Some(1) && said.contains(&format!("refs/replace/{commit} makes git show")),
                "{said}"
            );
        }
        repo.git(&["update-ref", "-d", &format!("refs/replace/{commit}")]);
        std::fs::write(&grafts, format!("{commit} {}\n", chain[0])).expect("a graft");
        let verified = site.json(&["verify"]);
        assert_eq!(verified["findings"][0]["kind"], "veiled", "{verified:#}");
        std::fs::remove_file(&grafts).expect("there");
    }
    // A file of the state, too; one of the user's own is nobody's concern.
    let control = repo.git(&["rev-parse", &format!("{STATE}:control.toml")]);
    let other = repo.git(&["hash-object", "-w", "README.md"]);
    repo.git(&["update-ref", &format!("refs/replace/{control}"), &other]);
    assert_eq!(site.json(&["verify"])["findings"][0]["kind"], "veiled");
    repo.git(&["update-ref", "-d", &format!("refs/replace/{control}")]);
    let head = repo.git(&["rev-parse", "HEAD^{tree}"]);
    repo.git(&["update-ref", &format!("refs/replace/{head}"), &head]);
    assert_eq!(site.json(&["verify"])["sound"], true);
}

/// Without the memory and the ref, what only a ledger leaves still tells that there was one.
#[test]
fn run_branches_without_a_ledger_are_no_ledger_that_has_not_begun() {
    let site = Site::scripted(STRAIGHT);
    assert_eq!(site.json(&["verify"])["sound"], true);
    site.add("one");
    site.work();
    let run = site.run_branch();
    let number = run.rsplit('/').next().expect("a run").to_owned();
    // A run is a place to begin at as well, by a beginning of it.
    let verified = site.json(&["verify", "--since", &number[..number.len() - 1]]);
    assert!(verified["commits"].as_u64().is_some_and(|commits| commits < 4), "{verified:#}");
    assert_eq!(verified["sound"], true);
    std::fs::remove_file(site.private().join("believed")).expect("there");
    site.repo.git(&["update-ref", "-d", STATE]);
    let verified = site.json(&["verify"]);
    let found = &verified["findings"][0];
    assert_eq!(found["kind"], "gone", "{verified:#}");
    assert!(found["detail"].to_string().contains(&run) || found["detail"].to_string().contains("reflog"));
}

#[test]
fn verify_begins_where_it_is_told() {
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    site.add("two");
    let commits = site.json(&["verify"])["commits"].as_u64().expect("a number");
    for since in
        ["2".to_owned(), site.repo.git(&["rev-parse", &format!("{STATE}~{}", commits - 2)])[..8].to_owned()]
    {
        let verified = site.json(&["verify", "--since", &since]);
        assert_eq!(verified["commits"].as_u64(), Some(commits - 2), "{verified:#}");
        assert_eq!(verified["sound"], true);
    }
    let (_, said) = exit(&site, &["verify", "--since", "2"]);
    assert!(
        said.contains(" commits replayed after ") && said.contains(", which is believed, all sound"),
        "{said}"
    );
    let (code, said) = exit(&site, &["verify", "--since", "999"]);
    assert!(code == Some(1) && said.contains("the ledger has no commit and no run `999`"), "{said}");
    let (code, said) = exit(&site, &["verify", "--since", "yesterday"]);
    assert!(
        code == Some(2)
            && said
                .contains("`yesterday` is no number of the ledger, no commit and no run: expected digits, "),
        "{said}"
    );
    assert!(said.contains(" hex digits of a commit or more"), "{said}");
}
