//! Short ways to roots, to a judge that says what a test wants it to say, and to what operators ask for.

use jiff::Timestamp;
use millrace::domain::control::Control;
use millrace::domain::ids::{RunId, SessionId};
use millrace::domain::item::ItemRef;
use millrace::domain::transition::input::{Input, Retrying, Submitted};
use millrace::domain::transition::record::Actor;
use millrace::format::document::Stamp;
use millrace::format::task::parse_task;
use millrace::ledger::transact::{Act, Outcome, Payloads};
use millrace::runtime::project::Project;

use super::site::{Site, task};
use crate::support::repo::TestRepo;

/// Planning that creates nothing, execution that does its work at once, and the judge of [`JUDGE`].
pub(super) const GOVERNED: &str = r#"
stages:
  auditor: [[{result: {terminal_result: AUDITOR_COMPLETE}}]]
  planner: [[{result: {terminal_result: PLANNER_COMPLETE}}]]
  manager: [[{result: {terminal_result: MANAGER_COMPLETE, nothing_to_create: The tasks are there.}}]]
  builder:
    - - append: {path: made.txt, content: "made\n"}
      - result: {terminal_result: BUILDER_COMPLETE}
  checker: [[{result: {terminal_result: CHECKER_PASS}}]]
  updater: [[{result: {terminal_result: UPDATE_COMPLETE}}]]
  arbiter: [[{run: {argv: [sh, '@/judge.sh']}}]]
"#;

/// The judge: its n-th call says what the n-th line of `verdicts` says: a result, and findings by criterion. It keeps
/// what it was given as `judge-<n>`.
const JUDGE: &str = r#"
dir=$MILLRACE_RUN_DIR
n=$(($(cat @/calls 2>/dev/null || echo 0) + 1))
echo $n > @/calls
cp -r "$dir" @/judge-$n
said() { sed -n "s/^$1 = \"\(.*\)\"\$/\1/p" "$dir/request.toml" | head -n 1; }
set -- $(sed -n "${n}p" @/verdicts)
result=$1
shift
list=
for one in "$@"; do
  id=${one%%=*}
  list="$list${list:+,}{\"id\":\"$id\",\"text\":\"$id holds.\",\"source\":\"spec\",\"finding\":\"${one#*=}\",\"evidence\":\"Looked at $id.\"}"
done
[ -z "$list" ] || printf '{"snapshot":"%s","criteria":[%s]}' "$(said snapshot)" "$list" > "$dir/verdict.json"
[ ! -e @/meddle-$n.sh ] || . @/meddle-$n.sh
printf '{"nonce":"%s","terminal_result":"%s","summary":"Judged."}' "$(said nonce)" "$result" > "$MILLRACE_RESULT_FILE"
"#;

impl Site {
    /// With a judge whose calls say this.
    pub(super) fn judged(verdicts: &[&str]) -> Self {
        Self::judged_with("", verdicts)
    }

    /// The same, with more configuration.
    pub(super) fn judged_with(config: &str, verdicts: &[&str]) -> Self {
        let site = Self::with(TestRepo::with_commit(), config, GOVERNED);
        let signs = site.sign("").display().to_string();
        let judge = JUDGE.replace("@/", &signs);
        std::fs::write(site.sign("judge.sh"), judge).expect("a judge");
        std::fs::write(site.sign("verdicts"), verdicts.join("\n") + "\n").expect("verdicts");
        site
    }

    /// What the judge does besides at its n-th call: a shell script; `$dir` is its folder.
    pub(super) fn meddle(&self, call: u32, script: &str) {
        std::fs::write(self.sign(&format!("meddle-{call}.sh")), script).expect("a script");
    }

    /// How often the judge was called.
    pub(super) fn judgements(&self) -> u32 {
        std::fs::read_to_string(self.sign("calls")).map_or(0, |n| n.trim().parse().expect("a number"))
    }

    /// A file that the judge found at its n-th call, if it did.
    pub(super) fn given_to_judge(&self, call: u32, name: &str) -> Option<String> {
        std::fs::read_to_string(self.sign(&format!("judge-{call}")).join(name)).ok()
    }

    /// Asks the ledger for something, as an operator.
    #[track_caller]
    pub(super) fn ask(&self, input: &Input) -> Outcome {
        self.ask_with(Timestamp::now(), |_, _| input.clone())
    }

    fn ask_with(&self, at: Timestamp, input: impl FnOnce(&Project, &mut Payloads) -> Input) -> Outcome {
        let project = Project::open(self.repo.path()).expect("a project");
        let mut payloads = Payloads::default();
        let input = input(&project, &mut payloads);
        let act = Act { at, ..project.act(Actor::Operator, None).expect("somebody") };
        project.transact(&act, &input, &payloads).expect("a transition")
    }

    /// A root spec that was written by hand.
    pub(super) fn root(&self, id: &str) {
        self.enqueue_root(id, task(id).as_bytes(), Timestamp::now());
    }

    /// The same with this document, taken in at this time.
    pub(super) fn root_at(&self, id: &str, document: &[u8], at: &str) {
        self.enqueue_root(id, document, at.parse().expect("a time"));
    }

    fn enqueue_root(&self, id: &str, document: &[u8], at: Timestamp) {
        self.ask_with(at, |project, payloads| Input::Enqueue {
            documents: vec![spec(project, payloads, id, document)],
        });
    }

    /// An idea and the root spec that it becomes.
    pub(super) fn idea(&self, idea: &str, root: &str) {
        self.ask_with(Timestamp::now(), |project, payloads| {
            let text = format!("I want {root}.\n").into_bytes();
            Input::TakeIdea {
                idea: idea.parse().expect("an id"),
                text: payloads.add(&project.store, text).expect("a payload"),
                found_in: None,
                spec: Box::new(spec(project, payloads, root, task(root).as_bytes())),
            }
        });
    }

    /// A task of a root.
    #[track_caller]
    pub(super) fn task_of(&self, root: &str, id: &str) {
        let document = task(id).replace("risk:", &format!("root_spec_id: {root}\nrisk:"));
        let path = self.repo.beside().join(format!("{id}.md"));
        std::fs::write(&path, document).expect("a document");
        self.ok(&["queue", "add-task", &path.display().to_string()]);
    }

    /// Lets a blocked item go on.
    pub(super) fn retry(&self, item: &str) {
        self.ask(&Input::Retry(Retrying {
            items: vec![item_ref(item)],
            reason: "mended".to_owned(),
            from_start: false,
            note: None,
        }));
    }

    /// The session of the daemon that lives.
    #[track_caller]
    pub(super) fn session(&self) -> SessionId {
        let control: Control = toml::from_str(&self.show("control.toml")).expect("a record");
        control.sessions.first().expect("a session").session.clone()
    }

    /// The run that is active.
    #[track_caller]
    pub(super) fn active_run(&self) -> RunId {
        let path = self.path("active/", ".toml");
        path.trim_start_matches("active/").trim_end_matches(".toml").parse().expect("a run")
    }

    /// A root's closure target.
    #[track_caller]
    pub(super) fn target(&self, root: &str) -> toml::Table {
        toml::from_str(&self.show(&format!("closure/{root}/target.toml"))).expect("a record")
    }

    /// Where a root's target stands.
    #[track_caller]
    pub(super) fn target_is(&self, root: &str) -> String {
        self.target(root)["state"]["is"].as_str().expect("a word").to_owned()
    }

    /// The lines of the ledger's story that begin so.
    pub(super) fn lines(&self, start: &str) -> Vec<String> {
        self.story().into_iter().filter(|line| line.starts_with(start)).collect()
    }
}

pub(super) fn item_ref(item: &str) -> ItemRef {
    item.parse().expect("an item")
}

fn spec(project: &Project, payloads: &mut Payloads, id: &str, document: &[u8]) -> Submitted {
    let stamp = Stamp { now: Timestamp::now(), by: "somebody" };
    let mut intake = parse_task(task(id).as_bytes(), "spec", &stamp).expect("a document").intake;
    intake.item = item_ref(&format!("spec/{id}"));
    let document = payloads.add(&project.store, document.to_vec()).expect("a payload");
    Submitted { document, origin: None, trusted: false, intake }
}
