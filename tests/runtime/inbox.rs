//! The inboxes: what is dropped there is taken once, and nothing else is done with it. Both ways to learn of a change.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use millrace::runtime::bell::{Bell, Learns};
use millrace::runtime::inbox::{MAX_TAKEN_AT_ONCE, Took};
use millrace::runtime::outside::{MAX_SETTLE, Outer, Outside};
use millrace::runtime::project::Project;
use millrace::runtime::stop::Stop;

use super::site::{PATIENCE, wait_until};
use crate::support::repo::TestRepo;

/// A repository with a configuration, and what lies in its inbox.
struct Inbox {
    repo: TestRepo,
}

impl Inbox {
    /// One that is watched; files have to rest for so many milliseconds.
    fn watched(debounce: u64) -> Self {
        let inbox = Self { repo: TestRepo::with_commit() };
        inbox.repo.git(&["config", "user.name", "Tester"]);
        inbox.repo.git(&["config", "user.email", "tester@example.org"]);
        inbox.configure(&format!("[watchers]\nenabled = true\ndebounce_ms = {debounce}\n"));
        std::fs::create_dir_all(inbox.path("")).expect("an inbox");
        inbox
    }

    fn configure(&self, config: &str) {
        self.repo.write("millrace-agents/millrace.toml", config);
    }

    fn project(&self) -> Project {
        Project::open(self.repo.path()).expect("a project")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.repo.path().join("ideas/inbox").join(name)
    }

    fn drop(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).expect("a file");
    }

    /// The files of the ledger's tree below a folder.
    fn kept(&self, folder: &str) -> Vec<String> {
        let listed = self.repo.git(&["ls-tree", "-r", "--name-only", "refs/millrace/state", folder]);
        listed.lines().map(str::to_owned).collect()
    }

    fn tip(&self) -> String {
        self.repo.git(&["rev-parse", "refs/millrace/state"])
    }

    fn idea(&self, id: &str) -> String {
        self.repo.git(&["show", &format!("refs/millrace/state:ideas/{id}.md")])
    }
}

/// What was taken, once everything rests: the file, the item, its state.
fn taken(outside: &mut Outside<'_>) -> Vec<String> {
    let took = |outer| match outer {
        Outer::Took(Took { file, item, state, .. }) => Some(format!("{file} {item} {state}")),
        Outer::Warning(what) => Some(format!("warning: {what}")),
        Outer::Config(news) => Some(format!("{news:?}")),
    };
    outside.settle(&Stop::default()).into_iter().filter_map(took).collect()
}

fn none() -> Vec<String> {
    Vec::new()
}

#[test]
fn m11_what_lies_in_the_inbox_is_taken_also_what_was_there_before_and_stays_as_it_is() {
    for learns in [Learns::ByEvents, Learns::ByLooking] {
        let inbox = Inbox::watched(5);
        inbox.drop("login.md", "# Login\n\nRefuse a wrong password.\n");
        inbox.drop("a b  \u{fc}.md", "Names that are no ids.\n");
        inbox.drop(".draft.md", "An editor's own.\n");
        inbox.drop("notes.txt", "No idea.\n");
        std::fs::create_dir(inbox.path("more")).expect("a folder");
        inbox.drop("more/deep.md", "Below it.\n");
        let before = std::fs::read_dir(inbox.path("")).expect("an inbox").count();

        let project = inbox.project();
        let mut outside = Outside::open(&project, None, learns);
        let mut found = taken(&mut outside);
        found.sort();
        assert_eq!(
            found,
            [
                "ideas/inbox/a b  \u{fc}.md spec/idea-a-b queued",
                "ideas/inbox/login.md spec/idea-login queued"
            ],
            "{learns:?}"
        );
        inbox.drop("later.md", "Dropped while it runs.\n");
        assert_eq!(taken(&mut outside), ["ideas/inbox/later.md spec/idea-later queued"], "{learns:?}");
        let tip = inbox.tip();
        assert_eq!(taken(&mut outside), none());
        assert_eq!(inbox.tip(), tip, "nothing new, no commit");

        assert_eq!(inbox.kept("ideas/"), ["ideas/a-b.md", "ideas/later.md", "ideas/login.md"]);
        assert_eq!(inbox.idea("login"), "# Login\n\nRefuse a wrong password.");
        assert_eq!(std::fs::read_dir(inbox.path("")).expect("an inbox").count(), before + 1);
        assert_eq!(std::fs::read(inbox.path("login.md")).expect("it is there").len(), 34);
    }
}

#[test]
fn f01_what_an_idea_becomes_is_a_root_and_stamped_so_by_the_ledger() {
    let inbox = Inbox::watched(5);
    inbox.drop("login.md", "---\nroot_spec_id: forged\n---\nRefuse a wrong password.\n");
    let project = inbox.project();
    taken(&mut Outside::open(&project, None, Learns::ByLooking));
    let intake = inbox.kept("specs/intake/");
    let record = inbox.repo.git(&["show", &format!("refs/millrace/state:{}", intake[0])]);
    assert!(record.contains("root_spec_id = \"idea-login\"\nroot_idea_id = \"login\""), "{record}");
    assert_eq!(inbox.kept("lineage/"), ["lineage/idea-login/spec.idea-login.toml"]);
}

#[test]
fn the_same_bytes_are_never_taken_twice_whatever_the_file_is_called() {
    let inbox = Inbox::watched(5);
    inbox.drop("login.md", "Refuse a wrong password.\n");
    let project = inbox.project();
    let mut outside = Outside::open(&project, None, Learns::ByLooking);
    assert_eq!(taken(&mut outside).len(), 1);
    let tip = inbox.tip();
    inbox.drop("copy.md", "Refuse a wrong password.\n");
    assert_eq!(taken(&mut outside), none(), "a copy");
    std::fs::rename(inbox.path("login.md"), inbox.path("renamed.md")).expect("renamed");
    assert_eq!(taken(&mut outside), none(), "another name");
    inbox.drop("copy.md", "Refuse a wrong password.\n");
    assert_eq!(taken(&mut outside), none(), "written again");
    std::fs::remove_file(inbox.path("copy.md")).expect("removed");
    assert_eq!(taken(&mut outside), none(), "gone");
    inbox.drop("copy.md", "Refuse a wrong password.\n");
    assert_eq!(taken(&mut outside), none(), "there again");
    // A runtime that knows nothing but the ledger.
    assert_eq!(taken(&mut Outside::open(&project, None, Learns::ByLooking)), none(), "a new start");
    assert_eq!(inbox.tip(), tip);
}

#[test]
fn a_file_that_was_changed_is_another_idea_and_held_with_the_reason() {
    let inbox = Inbox::watched(5);
    inbox.drop("login.md", "Refuse a wrong password.\n");
    let project = inbox.project();
    let mut outside = Outside::open(&project, None, Learns::ByLooking);
    assert_eq!(taken(&mut outside).len(), 1);
    inbox.drop("login.md", "Refuse an empty password.\n");
    let blob = inbox.repo.git(&["hash-object", "ideas/inbox/login.md"]);
    let id = format!("login-{}", &blob[..8]);
    let came = outside.settle(&Stop::default());
    let why =
        "ideas/inbox/login.md is not what was taken as the idea login: it was changed, or is another file";
    let expected = Took {
        file: "ideas/inbox/login.md".to_owned(),
        item: format!("spec/idea-{id}").parse().expect("an item"),
        state: "held",
        held: Some(why.to_owned()),
    };
    assert_eq!(came, [Outer::Took(expected)]);
    assert_eq!(inbox.idea(&id), "Refuse an empty password.");
    assert_eq!(inbox.idea("login"), "Refuse a wrong password.");
    let intake =
        inbox.kept("specs/intake/").into_iter().find(|path| path.contains(&id)).expect("it is known");
    let record = inbox.repo.git(&["show", &format!("refs/millrace/state:{intake}")]);
    assert!(record.contains(&format!("origin = \"{why}\"")), "{record}");

    let tip = inbox.tip();
    inbox.drop("login.md", "Refuse a wrong password.\n");
    assert_eq!(taken(&mut outside), none(), "changed back");
    assert_eq!(taken(&mut Outside::open(&project, None, Learns::ByLooking)), none(), "a new start");
    assert_eq!(inbox.tip(), tip);
    inbox.drop("login.md", "A third one.\n");
    assert_eq!(taken(&mut outside).len(), 1);
    assert_eq!(inbox.kept("specs/held/").len(), 2);

    let long = "n".repeat(200);
    inbox.drop(&format!("{long}.md"), "One.\n");
    assert_eq!(taken(&mut outside).len(), 1, "a name that is longer than an id");
    inbox.drop(&format!("{long}.md"), "Two.\n");
    assert_eq!(taken(&mut outside).len(), 1, "and its change");
    assert_eq!(inbox.kept("specs/held/").len(), 3);
}

#[test]
fn a_file_that_is_being_written_is_not_taken_half() {
    let inbox = Inbox::watched(400);
    let project = inbox.project();
    let mut outside = Outside::open(&project, None, Learns::ByLooking);
    let mut file = OpenOptions::new().create(true).append(true).open(inbox.path("slow.md")).expect("a file");
    for line in 0..12 {
        writeln!(file, "line {line}").expect("written");
        assert_eq!(outside.look(), [], "line {line}");
        assert!(outside.soon().is_some_and(|soon| soon <= Duration::from_millis(400)));
        std::thread::sleep(Duration::from_millis(60));
    }
    inbox.drop("gone.md", "Removed before it was taken.\n");
    assert_eq!(outside.look(), []);
    std::fs::remove_file(inbox.path("gone.md")).expect("removed");
    let begun = Instant::now();
    assert_eq!(taken(&mut outside), ["ideas/inbox/slow.md spec/idea-slow queued"]);
    assert!(begun.elapsed() < PATIENCE);
    assert_eq!(inbox.idea("slow").lines().count(), 12);
    assert_eq!(outside.soon(), None);
}

#[test]
fn the_end_of_a_runtime_waits_for_a_file_that_is_being_written_but_not_for_ever() {
    let inbox = Inbox::watched(3_600_000);
    inbox.drop("slow.md", "Not yet.\n");
    let project = inbox.project();
    let mut outside = Outside::open(&project, None, Learns::ByLooking);
    let begun = Instant::now();
    assert_eq!(taken(&mut outside), none());
    let took = begun.elapsed();
    assert!(took >= MAX_SETTLE && took < MAX_SETTLE + PATIENCE, "{took:?}");
}

#[test]
fn f31_an_idea_whose_file_is_gone_is_whole_in_the_ledger() {
    let inbox = Inbox::watched(5);
    inbox.drop("login.md", "Refuse a wrong password.\n");
    let project = inbox.project();
    let mut outside = Outside::open(&project, None, Learns::ByLooking);
    assert_eq!(taken(&mut outside).len(), 1);
    std::fs::remove_dir_all(inbox.repo.path().join("ideas")).expect("removed");
    assert_eq!(taken(&mut outside), none());
    assert_eq!(inbox.idea("login"), "Refuse a wrong password.");
    let spec = inbox.kept("specs/queued/");
    assert_eq!(spec.len(), 1);
}

#[test]
fn m06_what_cannot_be_taken_is_said_once_and_stops_nothing() {
    let inbox = Inbox::watched(5);
    let token = format!("ghp_{}", "a1B2".repeat(9));
    inbox.drop("binary.md", b"\0\x01\x02");
    inbox.drop("empty.md", " \n\n");
    inbox.drop("huge.md", vec![b'x'; 1024 * 1024 + 1]);
    inbox.drop("latin.md", b"gr\xfcn\n");
    inbox.drop("secret.md", format!("Use it.\n{token}\n"));
    std::fs::write(inbox.repo.beside().join("elsewhere.md"), "Not theirs.\n").expect("a file");
    std::os::unix::fs::symlink(inbox.repo.beside().join("elsewhere.md"), inbox.path("link.md"))
        .expect("a link");
    std::os::unix::fs::symlink("nowhere", inbox.path("dangling.md")).expect("a link");
    std::fs::create_dir(inbox.path("folder.md")).expect("a folder");
    rustix::fs::mknodat(rustix::fs::CWD, inbox.path("pipe.md"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .expect("a pipe");
    inbox.drop("good.md", "And a good one among them.\n");

    let project = inbox.project();
    let mut outside = Outside::open(&project, None, Learns::ByLooking);
    let found = taken(&mut outside);
    let of = |name: &str| {
        let about: Vec<&String> = found.iter().filter(|line| line.contains(&format!("/{name}.md"))).collect();
        assert_eq!(about.len(), 1, "{name}: {found:#?}");
        about[0].clone()
    };
    for name in ["binary", "empty", "huge", "latin", "secret", "link", "dangling", "folder", "pipe"] {
        let line = of(name);
        assert!(line.starts_with("warning: ") && line.ends_with("; it is not taken"), "{line}");
        assert!(!line.contains('\n') && !line.contains(&token), "{line}");
    }
    assert!(of("secret").contains("secret.md:2: "), "{}", of("secret"));
    assert!(of("huge").contains("1048576"), "{}", of("huge"));
    assert_eq!(of("good"), "ideas/inbox/good.md spec/idea-good queued");
    assert_eq!(inbox.kept("ideas/"), ["ideas/good.md"]);

    assert_eq!(taken(&mut outside), none(), "said once");
    inbox.drop("empty.md", " \n\n");
    assert_eq!(taken(&mut outside), none(), "the same content is the same matter");
    inbox.drop("empty.md", "\n");
    assert_eq!(taken(&mut outside).len(), 1, "other content is another one");
    inbox.drop("empty.md", "Full now.\n");
    assert_eq!(taken(&mut outside), ["ideas/inbox/empty.md spec/idea-empty queued"]);
}

/// A spec document.
fn spec(id: &str, title: &str) -> String {
    format!(
        "---\nspec_id: {id}\ntitle: {title}\nsummary: s\nsource_type: manual\ngoals: [g]\nconstraints: [c]\n\
         acceptance: [a]\nreferences: [README.md]\n---\nWhat is wanted.\n"
    )
}

#[test]
fn specs_are_taken_once_and_what_is_wrong_with_one_is_said_with_its_line() {
    let inbox = Inbox::watched(5);
    let drop = |name: &str, text: &str| inbox.repo.write(&format!("specs/inbox/{name}.md"), text);
    drop("one", &spec("store", "A store"));
    drop("broken", "---\nspec_id: broken\n---\nNo title.\n");
    let project = inbox.project();
    let mut outside = Outside::open(&project, None, Learns::ByLooking);
    let found = taken(&mut outside);
    assert_eq!(found.len(), 2, "{found:#?}");
    // Each is looked at once it has rested, which of them first is chance.
    let (warnings, taken_in): (Vec<_>, Vec<_>) = found.iter().partition(|line| line.starts_with("warning: "));
    assert!(warnings[0].starts_with("warning: specs/inbox/broken.md:1: title: "), "{found:#?}");
    assert_eq!(taken_in, ["specs/inbox/one.md spec/store queued"]);
    drop("copy", &spec("store", "A store"));
    assert_eq!(taken(&mut outside), none(), "the same content under another name");
    let tip = inbox.tip();
    drop("one", &spec("store", "Another store"));
    assert_eq!(
        taken(&mut outside),
        [
            "warning: specs/inbox/one.md: spec/store exists already (queued) with other content; take another id; \
             it is not taken"
        ]
    );
    assert_eq!((taken(&mut outside), inbox.tip()), (none(), tip));
    drop("agent", &spec("agent", "Work for ever"));
    outside.stage_ran();
    assert_eq!(taken(&mut outside), ["specs/inbox/agent.md spec/agent held"]);
}

#[test]
fn an_inbox_behind_a_link_is_not_looked_into() {
    let inbox = Inbox::watched(5);
    let away = inbox.repo.beside().join("away");
    std::fs::create_dir(&away).expect("a folder");
    std::fs::write(away.join("theirs.md"), "Not of this tree.\n").expect("a file");
    let folder = inbox.repo.path().join("ideas/inbox");
    std::fs::remove_dir(&folder).expect("removed");
    std::os::unix::fs::symlink(&away, &folder).expect("a link");
    let project = inbox.project();
    let mut outside = Outside::open(&project, None, Learns::ByEvents);
    let found = taken(&mut outside);
    assert!(found.len() == 1 && found[0].contains("a symbolic link is not followed"), "{found:?}");
    assert_eq!(taken(&mut outside), none());
}

/// What changes in the work tree while a stage runs is that stage's; an agent cannot give itself work.
#[test]
fn what_came_while_a_stage_ran_is_held() {
    let inbox = Inbox::watched(100);
    inbox.drop("before.md", "An operator's.\n");
    let project = inbox.project();
    let mut outside = Outside::open(&project, None, Learns::ByLooking);
    assert_eq!(outside.look(), []);
    inbox.drop("agent.md", "Work for ever.\n");
    outside.stage_ran();
    let mut found = taken(&mut outside);
    found.sort();
    assert_eq!(
        found,
        ["ideas/inbox/agent.md spec/idea-agent held", "ideas/inbox/before.md spec/idea-before queued"]
    );
    inbox.drop("after.md", "An operator's as well.\n");
    assert_eq!(taken(&mut outside), ["ideas/inbox/after.md spec/idea-after queued"]);
    inbox.drop("after.md", "A stage's change.\n");
    outside.stage_ran();
    let came = outside.settle(&Stop::default());
    assert!(
        matches!(&came[..], [Outer::Took(Took { held: Some(why), .. })]
            if why.contains("was changed") && why.contains("came while a stage ran")),
        "{came:?}"
    );
}

#[test]
fn f16_many_at_once_are_taken_in_turns_of_a_bounded_size() {
    let inbox = Inbox::watched(1);
    let all = MAX_TAKEN_AT_ONCE + 3;
    for n in 0..all {
        inbox.drop(&format!("n{n:03}.md"), format!("Number {n}.\n"));
    }
    std::thread::sleep(Duration::from_millis(20));
    let project = inbox.project();
    let mut outside = Outside::open(&project, None, Learns::ByLooking);
    assert_eq!(outside.look().len(), MAX_TAKEN_AT_ONCE);
    assert_eq!(outside.soon(), Some(Duration::ZERO));
    assert_eq!(outside.look().len(), 3);
    assert_eq!(outside.soon(), None);
    assert_eq!(inbox.kept("specs/queued/").len(), all);
}

#[test]
fn without_the_setting_nothing_is_looked_at_and_with_it_at_once() {
    let inbox = Inbox::watched(5);
    inbox.configure("[watchers]\nenabled = false\n");
    inbox.drop("login.md", "Refuse a wrong password.\n");
    let project = inbox.project();
    let mut outside = Outside::open(&project, None, Learns::ByLooking);
    assert_eq!(taken(&mut outside), none());
    inbox.configure("[watchers]\nenabled = true\nwatch_ideas_inbox = false\n");
    assert_eq!(taken(&mut outside), ["Took([\"watchers.enabled\", \"watchers.watch_ideas_inbox\"])"]);
    inbox.configure("[watchers]\nenabled = true\n");
    assert_eq!(
        taken(&mut outside),
        ["Took([\"watchers.watch_ideas_inbox\"])", "ideas/inbox/login.md spec/idea-login queued"]
    );
}

/// F-65: events, not looking again and again; and looking is no event.
#[test]
fn f65_the_bell_rings_for_a_change_and_not_for_a_look() {
    let inbox = Inbox::watched(5);
    std::fs::remove_dir_all(inbox.repo.path().join("ideas")).expect("removed");
    let project = inbox.project();
    let mut outside = Outside::open(&project, None, Learns::ByEvents);
    // The first look hangs the bell up, the next answers that.
    outside.look();
    outside.look();
    assert_eq!(outside.learns(), Learns::ByEvents);
    let rings = |outside: &Outside<'_>, what: &str| wait_until(what, || outside.rang());
    let rests = |outside: &mut Outside<'_>| {
        wait_until("quiet", || {
            outside.look();
            std::thread::sleep(Duration::from_millis(100));
            !outside.rang() && outside.soon().is_none()
        });
        for _ in 0..3 {
            outside.look();
            std::thread::sleep(Duration::from_millis(50));
            assert!(!outside.rang(), "a look rang");
        }
    };
    for round in 0..2 {
        std::fs::create_dir_all(inbox.path("")).expect("an inbox");
        rings(&outside, "the inbox is made");
        rests(&mut outside);
        inbox.drop("login.md", format!("Round {round}.\n"));
        rings(&outside, "a file is dropped");
        rests(&mut outside);
        std::fs::write(inbox.path("login.md"), format!("Round {round}, changed.\n")).expect("written");
        rings(&outside, "a file is changed");
        rests(&mut outside);
        std::fs::remove_dir_all(inbox.repo.path().join("ideas")).expect("removed");
        rings(&outside, "the inbox is gone");
        rests(&mut outside);
    }
    inbox.configure("[watchers]\nenabled = false\n");
    rings(&outside, "the configuration is written");
    assert_eq!(inbox.kept("ideas/").len(), 4);
}

#[test]
fn a_bell_that_the_system_refuses_says_so_once_and_is_silent() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut bell, why) = Bell::new(Learns::ByLooking);
    assert_eq!((bell.learns(), why), (Learns::ByLooking, None));
    assert_eq!(bell.hang(&[folder.path().to_owned()]), None);
    std::fs::write(folder.path().join("a"), "").expect("a file");
    std::thread::sleep(Duration::from_millis(100));
    assert!(!bell.rang());
    // What is no folder is not watched, and no reason to give up.
    let (mut bell, why) = Bell::new(Learns::ByEvents);
    assert_eq!(why, None);
    assert_eq!(bell.hang(&[Path::new("/nowhere").to_owned(), folder.path().join("a")]), None);
    assert_eq!(bell.learns(), Learns::ByEvents);
}
