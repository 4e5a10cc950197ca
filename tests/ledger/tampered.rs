//! Tampered ledgers: every kind of tampering at twenty places, and who names it. Replay names what is inconsistent, the
//! memory of this machine what it had seen otherwise, approval a plan that nobody here has let run; the rest only a
//! signature would show. What is found here is the table of the trust model.

use std::fmt::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

use jiff::Timestamp;
use millrace::domain::control::Control;
use millrace::domain::ids::PlanId;
use millrace::domain::oid::Oid;
use millrace::domain::transition::input::Input;
use millrace::format::records::{decode, encode};
use millrace::ledger::commit::Person;
use millrace::ledger::memory::MemoryStore;
use millrace::ledger::store::{
    Belief, NewObjects, Object, ObjectFormat, ObjectKind, Publication, RefName, Signature, Store, StoreError,
    Writer,
};
use millrace::ledger::trust::{Distrust, Standing, look};
use millrace::ledger::verify::verify_since;

use super::forge::{Ledger, Objects};
use crate::support::play::Play;
use crate::support::project::read;
use crate::support::story::tell;

/// Places at which each kind is tried.
const PLACES: usize = 20;

fn ledger() -> &'static Ledger {
    static LEDGER: OnceLock<Ledger> = OnceLock::new();
    LEDGER.get_or_init(|| {
        let mut play = Play::empty();
        play.looks = false;
        tell(&mut play);
        Ledger::copy(play.store(), play.tip().expect("a tip"))
    })
}

/// A ledger on a machine that remembers something of it.
struct Machine<'o> {
    objects: &'o Objects,
    tip: Option<Oid>,
    believed: Belief,
}

impl Store for Machine<'_> {
    fn object_format(&self) -> ObjectFormat {
        ObjectFormat::Sha1
    }

    fn resolve(&self, name: &RefName) -> Result<Option<Oid>, StoreError> {
        Ok(self.tip.filter(|_| *name == RefName::State))
    }

    fn refs(&self) -> Result<Vec<(RefName, Oid)>, StoreError> {
        Ok(Vec::new())
    }

    fn read(&self, oid: Oid) -> Result<(ObjectKind, Vec<u8>), StoreError> {
        self.objects.read(oid)
    }

    fn believed(&self) -> Result<Belief, StoreError> {
        Ok(self.believed)
    }

    fn writer(&self, _: Duration) -> Result<Box<dyn Writer + '_>, StoreError> {
        Err(StoreError::Unsupported("read only".to_owned()))
    }
}

fn looked(objects: &Objects, tip: Option<Oid>, believed: Belief) -> Result<Standing, Distrust> {
    look(&Machine { objects, tip, believed })
}

/// Tampers at a place; none where there is nothing of that kind.
type Tamper = fn(&mut Ledger, usize) -> Option<()>;

/// The first path of a commit's tree that ends like this and that the commit itself wrote.
fn written(ledger: &Ledger, n: usize, end: &str) -> Option<String> {
    let now = ledger.objects.files(ledger.at(n).tree);
    let before = ledger.objects.files(ledger.at(n.checked_sub(1)?).tree);
    now.into_iter()
        .find(|(path, oid)| path.ends_with(end) && before.get(path) != Some(oid))
        .map(|(path, _)| path)
}

fn append(ledger: &mut Ledger, n: usize, path: &str) {
    ledger.forge(n, |objects, commit| {
        let text = format!("{}# edited\n", objects.text(commit.tree, path));
        commit.tree = objects.with_files(commit.tree, &[(path, Some(text.into_bytes()))]);
    });
}

/// What is done, what replay calls it (none: it is consistent), and how.
const KINDS: [(&str, Option<&str>, Tamper); 16] = [
    ("a result edited", Some("tree"), |ledger, n| {
        let path = written(ledger, n, "/result.toml")?;
        append(ledger, n, &path);
        Some(())
    }),
    ("a counter in `control.toml` edited", Some("tree"), |ledger, n| {
        ledger.forge(n, |objects, commit| {
            let mut control: Control =
                decode(objects.text(commit.tree, "control.toml").as_bytes()).expect("control");
            control.closed.tasks.done += 1;
            let bytes = encode(&control).expect("a record");
            commit.tree = objects.with_files(commit.tree, &[("control.toml", Some(bytes))]);
        });
        Some(())
    }),
    ("an item deleted", Some("tree"), |ledger, n| {
        let files = ledger.objects.files(ledger.at(n).tree);
        let path = files.into_keys().find(|path| path.starts_with("tasks/") && path.contains(".md"))?;
        ledger.forge(n, |objects, commit| {
            commit.tree = objects.with_files(commit.tree, &[(path.as_str(), None)]);
        });
        Some(())
    }),
    ("a document swapped", Some("tree"), |ledger, n| {
        let files = ledger.objects.files(ledger.at(n).tree);
        let path = files.into_keys().find(|path| path.starts_with("tasks/") && path.contains(".md"))?;
        ledger.forge(n, |objects, commit| {
            commit.tree = objects.with_files(commit.tree, &[(path.as_str(), Some(b"Pay me.\n".to_vec()))]);
        });
        Some(())
    }),
    ("a plan swapped under its approved id", Some("tree"), |ledger, n| {
        let files = ledger.objects.files(ledger.at(n).tree);
        let path =
            files.into_keys().find(|path| path.starts_with("plans/") && path.ends_with("/plan.toml"))?;
        append(ledger, n, &path);
        Some(())
    }),
    ("a commit dropped", Some("chain"), |ledger, n| {
        if n + 1 >= ledger.chain.len() {
            return None;
        }
        let mut next = ledger.at(n + 1);
        next.parents = ledger.at(n).parents;
        let oid = ledger.objects.add_commit(&next);
        ledger.chain.remove(n);
        ledger.replace(n, oid);
        Some(())
    }),
    ("two commits reordered", Some("chain"), |ledger, n| {
        if n == 0 || n + 1 >= ledger.chain.len() {
            return None;
        }
        let (mut one, mut two) = (ledger.at(n), ledger.at(n + 1));
        two.parents = vec![ledger.chain[n - 1]];
        let first = ledger.objects.add_commit(&two);
        one.parents = vec![first];
        let second = ledger.objects.add_commit(&one);
        ledger.chain[n] = first;
        ledger.replace(n + 1, second);
        Some(())
    }),
    ("a handoff made twice", Some("decision"), |ledger, n| {
        let commit = ledger.at(n);
        let mut transition = ledger.objects.transition(commit.tree);
        if !matches!(transition.input, Input::Handoff(_)) {
            return None;
        }
        transition.seq += 1;
        ledger.chain.truncate(n + 1);
        let mut again = commit.clone();
        again.parents = vec![ledger.tip()];
        again.tree = ledger.objects.with_transition(commit.tree, &transition);
        again.message = millrace::format::message::render(&transition);
        let oid = ledger.objects.add_commit(&again);
        ledger.chain.push(oid);
        Some(())
    }),
    ("an old state committed again as the next", Some("chain"), |ledger, n| {
        let mut old = ledger.at(n);
        old.parents = vec![ledger.tip()];
        let oid = ledger.objects.add_commit(&old);
        ledger.chain.push(oid);
        Some(())
    }),
    ("a trailer forged", Some("message"), |ledger, n| {
        ledger.forge(n, |_, commit| commit.message.push_str("Millrace-Result: UPDATE_COMPLETE\n"));
        Some(())
    }),
    ("a date forged", Some("message"), |ledger, n| {
        ledger.forge(n, |_, commit| commit.second += 3600);
        Some(())
    }),
    ("a commit of somebody's own hand", Some("tree"), |ledger, n| {
        ledger.chain.truncate(n + 1);
        let mut commit = ledger.at(n);
        commit.parents = vec![ledger.tip()];
        "Fix things\n".clone_into(&mut commit.message);
        let readme = ledger.objects.add(ObjectKind::Blob, b"hello\n".to_vec());
        let mut tree = b"100644 README\0".to_vec();
        tree.extend_from_slice(readme.as_bytes());
        commit.tree = ledger.objects.add(ObjectKind::Tree, tree);
        let oid = ledger.objects.add_commit(&commit);
        ledger.chain.push(oid);
        Some(())
    }),
    ("an object cut short", Some("damaged"), |ledger, n| {
        // One that the last commit needs as well: others are nobody's concern any more.
        let transition = ledger.objects.transition(ledger.at(n).tree);
        let payload = transition.payloads.values().next()?.oid;
        ledger.objects.spoil(payload);
        // The ref was moved besides, or there were nothing to look at.
        let mut next = ledger.at(ledger.chain.len() - 1);
        next.author = Person::new("Somebody Else", "else@example.org");
        let last = ledger.chain.len() - 1;
        let oid = ledger.objects.add_commit(&next);
        ledger.replace(last, oid);
        Some(())
    }),
    ("the author of a commit changed", None, |ledger, n| {
        ledger.forge(n, |_, commit| commit.author = Person::new("Somebody Else", "else@example.org"));
        Some(())
    }),
    ("history rewritten by the rules", None, |ledger, n| {
        ledger.forge(n, |_, commit| commit.committer = Person::new("Somebody", "some@example.org"));
        ledger.chain.truncate(n + 2);
        Some(())
    }),
    ("a signature added", None, |ledger, n| {
        let text = String::from_utf8(ledger.at(n).render()).expect("text");
        let signature = "\ngpgsig -----BEGIN SSH SIGNATURE-----\n abc\n -----END SSH SIGNATURE-----\n\n";
        let oid = ledger.objects.add(ObjectKind::Commit, text.replacen("\n\n", signature, 1).into_bytes());
        ledger.replace(n, oid);
        Some(())
    }),
];

/// Places all over the ledger, near ones last.
fn places(length: usize) -> Vec<usize> {
    let step = (length - 4) / PLACES;
    let mut places: Vec<usize> = (0..PLACES).map(|k| 2 + k * step).collect();
    places.extend((2..length - 2).filter(|n| (n - 2) % step != 0));
    places
}

/// What becomes of each kind, and that it is what the trust model says.
#[test]
fn every_kind_is_named_as_the_trust_model_says() {
    let sound = ledger();
    let whole = Belief::Tip(sound.tip());
    let mut wrong = String::new();
    let mut rows = Vec::new();
    for (name, replay, tamper) in KINDS {
        let (mut tried, mut seen_as, mut new_as) = (0, None, None);
        for n in places(sound.chain.len()) {
            if tried == PLACES {
                break;
            }
            let mut forged = sound.clone();
            forged.chain.truncate(n + 3);
            if tamper(&mut forged, n).is_none() {
                continue;
            }
            tried += 1;
            let tip = forged.tip();
            let before = sound.chain[n - 1];
            // Of a machine that had seen all of it.
            let seen = match looked(&forged.objects, Some(tip), whole) {
                Err(distrust) => distrust.kind().to_owned(),
                Ok(_) => "believed".to_owned(),
            };
            // Of one that had seen what is before, and finds the rest for the first time.
            let new = looked(&forged.objects, Some(tip), Belief::Tip(before));
            let report = verify_since(&forged.objects, tip, before).expect("a readable store");
            let kinds: Vec<&str> = report.findings.iter().map(|finding| finding.kind.as_str()).collect();
            let fine = match replay {
                Some(kind) => matches!(new, Err(Distrust::False { .. })) && kinds.contains(&kind),
                None => new.is_ok() && kinds.is_empty(),
            };
            if !fine || seen == "believed" {
                let _ = writeln!(wrong, "{name} at {n}: seen {seen}, new {new:?}, replay {kinds:?}");
            }
            // The tip that such a machine remembers is never below what it finds: both say the same everywhere.
            let new = if new.is_ok() { "only a signature" } else { replay.unwrap_or_default() }.to_owned();
            if seen_as.get_or_insert_with(|| seen.clone()) != &seen {
                let _ = writeln!(wrong, "{name} at {n}: {seen}, and {seen_as:?} elsewhere");
            }
            new_as = Some(new);
        }
        if tried < PLACES / 2 {
            let _ = writeln!(wrong, "{name} fits in {tried} places");
        }
        let (seen, new) = (seen_as.unwrap_or_default(), new_as.unwrap_or_default());
        let new = if replay.is_some() { format!("replay: `{new}`") } else { new };
        rows.push(format!("| {name} | memory: `{seen}` | {new} |"));
    }
    assert!(wrong.is_empty(), "{wrong}");
    let page = read("docs/trust-model.md");
    let missing: Vec<&String> = rows.iter().filter(|row| !page.contains(row.as_str())).collect();
    assert!(missing.is_empty(), "docs/trust-model.md lacks:\n{}", rows.join("\n"));
}

/// What is done to the ref alone, at twenty places.
#[test]
fn a_ref_that_was_moved_is_named_by_memory_alone() {
    let sound = ledger();
    let whole = Belief::Tip(sound.tip());
    for n in places(sound.chain.len()).into_iter().take(PLACES) {
        let rewound = looked(&sound.objects, Some(sound.chain[n]), whole);
        assert!(
            matches!(&rewound, Err(Distrust::Rewound { found, .. }) if *found == sound.chain[n]),
            "{n}: {rewound:?}"
        );
        let gone = looked(&sound.objects, None, Belief::Tip(sound.chain[n]));
        assert!(matches!(&gone, Err(Distrust::Gone { known }) if *known == sound.chain[n]), "{n}: {gone:?}");
        // Whoever has seen less than that finds nothing wrong, and replay neither.
        assert!(looked(&sound.objects, Some(sound.chain[n]), Belief::Tip(sound.chain[n - 1])).is_ok(), "{n}");
        // One that stands where it was left costs nothing.
        let same =
            looked(&sound.objects, Some(sound.chain[n]), Belief::Tip(sound.chain[n])).expect("believed");
        assert_eq!(same.replayed, 0);
    }
    let fresh = looked(&sound.objects, None, Belief::Nothing).expect("believed");
    assert_eq!((fresh.tip, fresh.replayed), (None, 0));
}

/// Another ledger in its place, at twenty places of it.
#[test]
fn another_ledger_is_named_by_memory() {
    let sound = ledger();
    let mut play = Play::empty();
    play.looks = false;
    play.done(&Input::Genesis { ledger: "ffffffffffffffffffffffffffffffff".parse().expect("an id") });
    let other = Ledger::copy(play.store(), play.tip().expect("a tip"));
    let mut objects = sound.objects.clone();
    for (_, kind, bytes) in other.objects.all() {
        objects.add(kind, bytes);
    }
    for n in places(sound.chain.len()).into_iter().take(PLACES) {
        let replaced = looked(&objects, Some(other.tip()), Belief::Tip(sound.chain[n]));
        let Err(replaced @ Distrust::Replaced { .. }) = replaced else { panic!("{n}: {replaced:?}") };
        let said = replaced.to_string();
        assert!(
            said.starts_with("refs/millrace/state was replaced: it holds ") && said.contains(" of ledger "),
            "{said}"
        );
        assert!(said.contains("; this machine left it at "), "{said}");
    }
}

/// A ledger that stands at one of its commits, for somebody to go on with.
fn standing_at(sound: &Ledger, tip: Oid) -> Play {
    let store = MemoryStore::new(ObjectFormat::Sha1);
    let objects = sound.objects.all().map(|(oid, kind, bytes)| Object { kind, oid, bytes }).collect();
    let by = Signature { name: "Somebody".into(), email: "s@example.org".into(), at: Timestamp::UNIX_EPOCH };
    store
        .writer(Duration::from_secs(1))
        .expect("a lock")
        .publish(Publication {
            name: RefName::State,
            old: None,
            new: Some(tip),
            objects: NewObjects::Given(objects),
            by,
            message: "there".into(),
        })
        .expect("published");
    let mut play = Play::on(Box::new(store));
    play.looks = false;
    play.now = "2031-01-01T00:00:00Z".parse().expect("a time");
    play
}

/// A plan that somebody else compiled, by the rules: replay and memory believe it, and it is another one than any that
/// was approved here, so approval stops it. At twenty places.
#[test]
fn a_foreign_plan_with_another_argv_is_believed_and_not_approved() {
    use millrace::domain::view::View as _;
    use millrace::runtime::approval::content;
    let sound = ledger();
    let mut tried = 0;
    for n in places(sound.chain.len()).into_iter().take(PLACES) {
        let before = sound.chain[n];
        let mut play = standing_at(sound, before);
        let plans = |play: &Play| {
            play.view(|view| {
                let of = |plan: &PlanId| content(view, plan).expect("readable").expect("a plan");
                let all: Vec<(PlanId, Oid)> = view
                    .plans()
                    .expect("readable")
                    .into_iter()
                    .map(|plan| (plan.clone(), of(&plan)))
                    .collect();
                (view.control().expect("readable").plan.expect("a plan"), all)
            })
        };
        let had = play.view(|view| view.plans().expect("readable"));
        let contents = if had.is_empty() { Vec::new() } else { plans(&play).1 };
        play.select(&format!(
            "[runners]\ndefault_runner = \"evil\"\n[runners.evil]\nkind = \"command\"\nargv = [\"sh\", \"-c\", \"{n}\"]\n"
        ));
        let copy = Ledger::copy(play.store(), play.tip().expect("a tip"));
        let believed = looked(&copy.objects, play.tip(), Belief::Tip(before)).expect("consistent");
        assert_eq!(believed.replayed, 1, "{n}");
        let (selected, all) = plans(&play);
        let (_, selected_tree) = all.iter().find(|(plan, _)| *plan == selected).expect("among them");
        // Whatever was approved of the plans that were there, this is none of them: an approval names both.
        assert!(contents.iter().all(|(plan, tree)| *plan != selected && tree != selected_tree), "{n}");
        tried += 1;
    }
    assert_eq!(tried, PLACES);
}
