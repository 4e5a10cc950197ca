//! One stage of a hostile harness, and what is looked at after any of them.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use rustix::fs::{FlockOperation, flock};
use serde_json::Value;

use crate::runtime::site::{Site, text};
use crate::support::repo::TestRepo;

/// Kilobytes that neither the runtime nor a supervisor may take.
pub(super) const MEMORY: u64 = 50 * 1024;

/// A project whose harness is hostile.
pub(super) struct Hostile {
    pub(super) site: Site,
    /// The most that the runtime took, and the most that a supervisor did, in kilobytes.
    memory: (u64, u64),
}

impl Hostile {
    /// With a task for a harness that behaves like this, and more configuration.
    pub(super) fn new(behaviour: &str, config: &str) -> Self {
        let site = Site { repo: TestRepo::with_commit() };
        let signs = site.repo.beside().join("signs");
        std::fs::create_dir(&signs).expect("a folder");
        let harness = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/hostile/harness.sh");
        site.configure(&format!(
            "[runners]\ndefault_runner = \"command\"\n[runners.command]\nargv = [\"sh\", \"{}\", \"{behaviour}\", \
             \"{}\"]\nenv_pass = [\"HOSTILE_TOKEN\"]\n{config}",
            harness.display(),
            signs.display()
        ));
        site.add("one");
        Self { site, memory: (0, 0) }
    }

    /// One step of the runtime, watched: its answer, whether it succeeded, and what it said on stderr.
    pub(super) fn once(&mut self) -> (Value, bool, String) {
        let child = self
            .site
            .millrace(&["run", "once", "--json"])
            .env("HOSTILE_TOKEN", super::says::TOKEN)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("millrace starts");
        let output = self.watch(child).wait_with_output().expect("its end");
        let said = text(&output.stdout);
        let answer: Value = serde_json::from_str(said.lines().last().unwrap_or("{}")).expect("JSON");
        (answer["data"].clone(), output.status.success(), text(&output.stderr))
    }

    /// The same for one that has to succeed.
    #[track_caller]
    pub(super) fn stage(&mut self) -> Value {
        let (answer, well, said) = self.once();
        assert!(well, "{answer}\n{said}");
        answer
    }

    /// The same for one that has to fail.
    #[track_caller]
    pub(super) fn fails(&mut self) {
        let (answer, well, said) = self.once();
        assert!(!well && answer["judgement"]["judgement"] == "failed", "{answer}\n{said}");
    }

    /// Looks at a process and the supervisors that it starts until it has ended.
    fn watch(&mut self, mut child: Child) -> Child {
        let runtime = child.id();
        while child.try_wait().expect("its state").is_none() {
            self.memory.0 = self.memory.0.max(peak(runtime));
            for supervisor in supervisors(runtime) {
                self.memory.1 = self.memory.1.max(peak(supervisor));
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        child
    }

    /// What the first launch came to: the judgement's word, and its class or result.
    pub(super) fn judged(&self) -> (String, String) {
        let result = self.site.result("01-builder");
        let word = |key: &str| result.get("judgement").and_then(|judgement| judgement.get(key)).cloned();
        let text = |key: &str| word(key).and_then(|value| value.as_str().map(str::to_owned));
        let class = text("class").or_else(|| text("by")).unwrap_or_default();
        (text("judgement").unwrap_or_default(), text("result").unwrap_or(class))
    }

    /// The findings of the first launch.
    pub(super) fn findings(&self) -> Vec<String> {
        let result = self.site.result("01-builder");
        let findings = result.get("findings").and_then(toml::Value::as_array).cloned().unwrap_or_default();
        findings.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect()
    }

    /// Nothing of it lives, nothing ever ran beside anything, and it cost no memory.
    #[track_caller]
    pub(super) fn is_over(&self) {
        let alive = File::open(self.site.sign("alive")).expect("a lock");
        assert!(
            flock(&alive, FlockOperation::NonBlockingLockExclusive).is_ok(),
            "something of the harness holds its lock"
        );
        let marked = marked(&self.site);
        assert!(marked.is_empty(), "with the mark of a launch: {marked:?}");
        assert!(!self.site.sign("overlap").exists(), "a launch began beside another one");
        let (runtime, supervisor) = self.memory;
        assert!(runtime > 0, "the runtime was not looked at");
        assert!(runtime < MEMORY && supervisor < MEMORY, "runtime {runtime} kB, supervisor {supervisor} kB");
        assert!(self.site.invocations().is_empty(), "{:?}", self.site.invocations());
    }

    /// The most that runtime and supervisor took, in kilobytes.
    pub(super) fn memory(&self) -> (u64, u64) {
        self.memory
    }

    /// The user's branch, index and commits are as the test made them; what the stage wrote is in the work tree alone.
    #[track_caller]
    pub(super) fn repository_is_untouched(&self) {
        let repo = &self.site.repo;
        assert_eq!(repo.git(&["symbolic-ref", "HEAD"]), "refs/heads/main");
        assert_eq!(repo.git(&["rev-list", "--count", "HEAD"]), "1");
        assert_eq!(repo.git(&["for-each-ref", "--format=%(refname)", "refs/heads"]), "refs/heads/main");
        assert_eq!(repo.git(&["diff", "--cached", "--name-only"]), "");
        self.site.sound();
    }
}

/// The most memory that a process has taken so far, in kilobytes; 0 where it is gone.
fn peak(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
}

/// The supervisors among a runtime's children.
fn supervisors(runtime: u32) -> Vec<u32> {
    let path = format!("/proc/{runtime}/task/{runtime}/children");
    let children = std::fs::read_to_string(path).unwrap_or_default();
    children
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .filter(|pid| {
            let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&command).contains("harness-supervise")
        })
        .collect()
}

/// The processes that carry the mark of one of the launches.
fn marked(site: &Site) -> Vec<String> {
    let launches = std::fs::read_to_string(site.sign("launches")).expect("a launch");
    let marks: Vec<String> = launches.lines().map(|nonce| format!("MILLRACE_INVOCATION={nonce}")).collect();
    let entries = std::fs::read_dir("/proc").expect("processes").flatten();
    entries
        .filter(|entry| {
            let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|one| marks.iter().any(|mark| mark.as_bytes() == one))
        })
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}
