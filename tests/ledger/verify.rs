//! Verify: a sound ledger is sound, and every forgery that replay can name is named, at the commit where it is.

use std::fmt::Write as _;
use std::sync::OnceLock;

use millrace::domain::control::Control;
use millrace::domain::ids::PlanId;
use millrace::domain::transition::decision::Effect;
use millrace::domain::transition::input::Input;
use millrace::domain::transition::record::{RULES, Transition};
use millrace::format::message::render;
use millrace::format::records::{decode, encode};
use millrace::ledger::commit::{Commit, Person};
use millrace::ledger::git::{Durability, GitStore};
use millrace::ledger::history::history;
use millrace::ledger::store::ObjectKind;
use millrace::ledger::tree::Trees;
use millrace::ledger::verify::{FindingKind, Report, verify};

use super::forge::Ledger;
use crate::support::play::Play;
use crate::support::repo::TestRepo;
use crate::support::story::{tell, tell_with_requests};

fn ledger() -> &'static Ledger {
    static LEDGER: OnceLock<Ledger> = OnceLock::new();
    LEDGER.get_or_init(|| {
        let mut play = Play::empty();
        play.looks = false;
        tell(&mut play);
        Ledger::copy(play.store(), play.tip().expect("a tip"))
    })
}

fn report(ledger: &Ledger) -> Report {
    verify(&ledger.objects, ledger.tip()).expect("a readable store")
}

#[test]
fn a_long_ledger_is_sound_and_holds_everything() {
    let mut play = Play::empty();
    tell(&mut play);
    let ledger = ledger();
    assert_eq!(Some(ledger.tip()), play.tip(), "a play gives the same ledger each time");
    let mut play = Play::empty();
    play.looks = false;
    tell_with_requests(&mut play);
    play.end();
    assert!(ledger.chain.len() > 100, "{}", ledger.chain.len());
    let trees = Trees::new(play.store());
    let steps: Vec<Transition> = history(play.store(), &trees, play.tip())
        .map(|step| step.expect("a readable step").transition)
        .collect();
    let mut ops: Vec<&str> = steps.iter().map(|step| step.input.op()).collect();
    ops.sort_unstable();
    ops.dedup();
    assert_eq!(
        ops,
        [
            "adopt",
            "archive",
            "cancel",
            "compile",
            "enqueue",
            "genesis",
            "handoff",
            "idea",
            "interrupt",
            "launch",
            "pause",
            "release",
            "reopen",
            "resume",
            "retarget",
            "retry",
            "retry-active",
            "session",
            "set-priority",
            "stop",
            "supersede",
            "tree",
            "unresumable",
        ]
    );
    let mut effects: Vec<String> = steps
        .iter()
        .flat_map(|step| &step.decision.effects)
        .map(|effect| {
            let text = String::from_utf8(encode(effect).expect("a record")).expect("text");
            text.lines().next().expect("a line").trim_start_matches("do = ").trim_matches('"').to_owned()
        })
        .collect();
    effects.sort();
    effects.dedup();
    // Each effect there is: a new one has to be told in the story, so that it is in the golden ledger.
    assert_eq!(
        effects,
        [
            "admit",
            "amend",
            "answer",
            "ask",
            "ask_again",
            "ask_cancel",
            "ask_stop",
            "begin",
            "block",
            "charge",
            "charge_item",
            "charge_session",
            "close",
            "conclude",
            "count",
            "diagnose",
            "end",
            "end_streak",
            "forget",
            "forget_answer",
            "found",
            "freeze",
            "join",
            "judge",
            "keep",
            "keep_idea",
            "launch",
            "leave",
            "move",
            "note",
            "open",
            "owe",
            "paid",
            "pause",
            "reject",
            "resume",
            "retried",
            "retry",
            "route",
            "select",
            "settle",
            "spend",
            "stand",
            "streak",
            "target",
        ]
    );
}

#[test]
fn a_ledger_in_a_repository_is_sound_and_git_reads_it() {
    let repo = TestRepo::with_commit();
    let store = GitStore::open(&repo.git_dir(), Durability::Off).expect("a store");
    let mut play = Play::on(Box::new(store));
    play.looks = false;
    tell(&mut play);
    play.end();
    // The same bytes make the same ids, whichever store holds them.
    assert_eq!(play.tip(), Some(ledger().tip()));
    let count = repo.git(&["rev-list", "--count", "refs/millrace/state"]);
    assert_eq!(count, ledger().chain.len().to_string());
    let said = repo.git(&[
        "log",
        "--format=%(trailers:key=Millrace-Seq,valueonly,separator=)",
        "--reverse",
        "refs/millrace/state",
    ]);
    let expected: Vec<String> = (1..=ledger().chain.len()).map(|n| n.to_string()).collect();
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
    let results =
        repo.git(&["log", "--format=%(trailers:key=Millrace-Result,valueonly)", "refs/millrace/state"]);
    assert!(!results.contains("FORGED") && results.contains("DOUBLECHECK_PASS"));
    super::support::assert_clean(&repo);
}

/// What a forgery did: where it must be named, and as what. No kind: replay cannot name it, and must not.
struct Forged {
    at: usize,
    kinds: &'static [FindingKind],
    /// Whether nothing else may be wrong.
    only: bool,
}

type Forge = fn(&mut Ledger, usize) -> Option<Forged>;

#[expect(clippy::unnecessary_wraps, reason = "a forgery ends with it, or with none")]
fn only(at: usize, kinds: &'static [FindingKind]) -> Option<Forged> {
    Some(Forged { at, kinds, only: true })
}

#[expect(clippy::unnecessary_wraps, reason = "a forgery ends with it, or with none")]
fn among(at: usize, kinds: &'static [FindingKind]) -> Option<Forged> {
    Some(Forged { at, kinds, only: false })
}

/// The first path of a commit's tree that ends like this and that the commit itself wrote.
fn written(ledger: &Ledger, n: usize, end: &str) -> Option<String> {
    let now = ledger.objects.files(ledger.at(n).tree);
    let before = if n == 0 { now.clone() } else { ledger.objects.files(ledger.at(n - 1).tree) };
    now.iter()
        .find(|(path, oid)| path.ends_with(end) && before.get(*path) != Some(oid))
        .map(|(path, _)| path.clone())
}

/// Appends a comment to a record: still readable, and not what `apply` writes.
fn edited(ledger: &mut Ledger, n: usize, path: &str) {
    let path = path.to_owned();
    ledger.forge(n, |objects, commit| {
        let mut text = objects.text(commit.tree, &path);
        text.push_str("# edited\n");
        commit.tree = objects.with_files(commit.tree, &[(path.as_str(), Some(text.into_bytes()))]);
    });
}

/// Replaces the n-th commit by what a changed transition makes, applied and rendered as if it were true.
fn retold(ledger: &mut Ledger, n: usize, change: impl FnOnce(&mut Transition) -> bool) -> bool {
    let commit = ledger.at(n);
    let mut transition = ledger.objects.transition(commit.tree);
    if !change(&mut transition) {
        return false;
    }
    let parent = commit.parents.first().copied();
    let Some(oid) = ledger.objects.made(parent, &commit, &transition) else { return false };
    ledger.replace(n, oid);
    true
}

fn forgeries() -> Vec<(&'static str, Forge)> {
    use FindingKind::{Chain, Damaged, Decision, Format, Message, Payload, Tree, Unreadable};
    vec![
        ("result edited", |ledger, n| {
            let path = written(ledger, n, "/result.toml")?;
            edited(ledger, n, &path);
            only(n, &[Tree])
        }),
        ("run record edited", |ledger, n| {
            let path = written(ledger, n, "/run.toml")?;
            edited(ledger, n, &path);
            only(n, &[Tree])
        }),
        ("control edited", |ledger, n| {
            edited(ledger, n, "control.toml");
            only(n, &[Tree])
        }),
        ("counts of closed items raised", |ledger, n| {
            ledger.forge(n, |objects, commit| {
                let mut control: Control =
                    decode(objects.text(commit.tree, "control.toml").as_bytes()).expect("control");
                control.closed.tasks.done += 1;
                let bytes = encode(&control).expect("a record");
                commit.tree = objects.with_files(commit.tree, &[("control.toml", Some(bytes))]);
            });
            only(n, &[Tree])
        }),
        ("document swapped", |ledger, n| {
            let path = written(ledger, n, ".md")?;
            ledger.forge(n, |objects, commit| {
                commit.tree = objects.with_files(commit.tree, &[(path.as_str(), Some(b"other\n".to_vec()))]);
            });
            only(n, &[Tree])
        }),
        ("file added", |ledger, n| {
            ledger.forge(n, |objects, commit| {
                commit.tree = objects.with_files(commit.tree, &[("extra/file.md", Some(b"x".to_vec()))]);
            });
            only(n, &[Tree])
        }),
        ("file removed", |ledger, n| {
            let path =
                ledger.objects.files(ledger.at(n).tree).into_keys().find(|path| path.contains("/intake/"))?;
            ledger.forge(n, |objects, commit| {
                commit.tree = objects.with_files(commit.tree, &[(path.as_str(), None)]);
            });
            among(n, &[Tree])
        }),
        ("item moved by hand", |ledger, n| {
            let files = ledger.objects.files(ledger.at(n).tree);
            let path = files.keys().find(|path| path.starts_with("tasks/waiting/"))?.clone();
            ledger.forge(n, |objects, commit| {
                let text = objects.text(commit.tree, &path);
                let to = path.replace("tasks/waiting/", "tasks/queued/x/");
                commit.tree = objects.with_files(
                    commit.tree,
                    &[(path.as_str(), None), (to.as_str(), Some(text.into_bytes()))],
                );
            });
            among(n, &[Tree])
        }),
        ("transition removed", |ledger, n| {
            if n + 1 < ledger.chain.len() {
                return None;
            }
            ledger.forge(n, |objects, commit| {
                commit.tree = objects.with_files(commit.tree, &[("transition.toml", None)]);
            });
            only(n, &[Tree])
        }),
        ("commit dropped", |ledger, n| {
            if n + 1 >= ledger.chain.len() {
                return None;
            }
            let mut next = ledger.at(n + 1);
            next.parents = ledger.at(n).parents;
            let oid = ledger.objects.add_commit(&next);
            ledger.chain.remove(n);
            ledger.replace(n, oid);
            among(n, &[Chain])
        }),
        ("commits swapped", |ledger, n| {
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
            among(n, &[Chain])
        }),
        ("number changed", |ledger, n| {
            retold(ledger, n, |transition| {
                transition.seq += 7;
                true
            });
            among(n, &[Chain])
        }),
        ("merge", |ledger, n| {
            if n < 2 {
                return None;
            }
            let other = ledger.chain[n - 2];
            ledger.forge(n, |_, commit| commit.parents.push(other));
            only(n, &[Chain])
        }),
        ("foreign root", |ledger, n| {
            ledger.forge(n, |_, commit| commit.parents.clear());
            // What was before is gone: this is the first commit now.
            let at = n;
            if n == 0 {
                return None;
            }
            ledger.chain.drain(..at);
            among(0, &[Chain])
        }),
        ("replayed", |ledger, n| {
            // A state of before, as if it were the next.
            if n == 0 || n + 1 >= ledger.chain.len() {
                return None;
            }
            let mut old = ledger.at(n);
            old.parents = vec![ledger.tip()];
            let oid = ledger.objects.add_commit(&old);
            ledger.chain.push(oid);
            among(ledger.chain.len() - 1, &[Chain])
        }),
        ("decision left out", |ledger, n| {
            let told = retold(ledger, n, |transition| {
                // What is left has to be applicable.
                let effects = &mut transition.decision.effects;
                let Some(at) = effects.iter().position(|effect| {
                    matches!(
                        effect,
                        Effect::Count { .. }
                            | Effect::Owe { .. }
                            | Effect::Spend { .. }
                            | Effect::Keep { .. }
                    )
                }) else {
                    return false;
                };
                if let Effect::Keep { files, .. } = effects.remove(at) {
                    transition.payloads.retain(|_, content| !files.values().any(|file| file == content));
                }
                true
            });
            if told { among(n, &[Decision]) } else { None }
        }),
        ("charge made smaller", |ledger, n| {
            let told = retold(ledger, n, |transition| {
                transition.decision.effects.iter_mut().any(|effect| match effect {
                    Effect::Charge { used, .. } => {
                        used.tokens = used.tokens.saturating_sub(1);
                        true
                    }
                    _ => false,
                })
            });
            if told { among(n, &[Decision]) } else { None }
        }),
        ("day made cheaper", |ledger, n| {
            let told = retold(ledger, n, |transition| {
                transition.decision.effects.iter_mut().any(|effect| match effect {
                    Effect::Charge { day, .. } => {
                        day.spent.launches -= 1;
                        true
                    }
                    _ => false,
                })
            });
            if told { among(n, &[Decision]) } else { None }
        }),
        ("more given back than was taken", |ledger, n| {
            let told = retold(ledger, n, |transition| {
                let effects = &mut transition.decision.effects;
                if !effects.iter().any(|effect| matches!(effect, Effect::Streak { .. })) {
                    return false;
                }
                effects.iter_mut().any(|effect| match effect {
                    Effect::Settle { spent, .. } if *spent > 0 => {
                        *spent = 0;
                        true
                    }
                    _ => false,
                })
            });
            if told { among(n, &[Decision]) } else { None }
        }),
        ("item let go on by nobody's outage", |ledger, n| {
            let told = retold(ledger, n, |transition| {
                transition.decision.effects.iter_mut().any(|effect| match effect {
                    Effect::Retry { retry, .. } if matches!(transition.input, Input::Handoff(_)) => {
                        retry.stage = None;
                        true
                    }
                    _ => false,
                })
            });
            if told { among(n, &[Decision]) } else { None }
        }),
        ("another session asked", |ledger, n| {
            let told = retold(ledger, n, |transition| {
                transition.decision.effects.iter_mut().any(|effect| match effect {
                    Effect::Ask { asks: Some(asks), .. } => {
                        asks.session.push('x');
                        true
                    }
                    _ => false,
                })
            });
            if told { among(n, &[Decision]) } else { None }
        }),
        ("effect added", |ledger, n| {
            if n == 0 {
                return None;
            }
            retold(ledger, n, |transition| {
                let plan: PlanId = "plan-x-0123456789ab".parse().expect("a plan");
                transition.decision.effects.push(Effect::Select { plan });
                true
            });
            among(n, &[Decision])
        }),
        ("effect that cannot be", |ledger, n| {
            if n == 0 {
                return None;
            }
            ledger.forge(n, |objects, commit| {
                let mut transition = objects.transition(commit.tree);
                let run = "20000101-0000-000000".parse().expect("a run");
                let cancel = millrace::domain::run::Cancel { at: transition.at, reason: String::new() };
                transition.decision.effects.push(Effect::AskCancel { run, cancel });
                commit.tree = objects.with_transition(commit.tree, &transition);
                commit.message = render(&transition);
            });
            among(n, &[Decision, Tree])
        }),
        ("note added to a decision", |ledger, n| {
            retold(ledger, n, |transition| {
                transition.decision.notes.push("all is well".to_owned());
                true
            });
            only(n, &[Decision])
        }),
        ("input changed", |ledger, n| {
            let told = retold(ledger, n, |transition| match &mut transition.input {
                Input::Enqueue { documents } => {
                    documents.pop();
                    true
                }
                Input::Handoff(handoff) => {
                    handoff.usage.output = Some(1);
                    handoff.findings.push("another".to_owned());
                    true
                }
                Input::Cancel { item, .. } => {
                    *item = "task/another".parse().expect("an item");
                    true
                }
                Input::Launch(launching) => {
                    launching.session = "f".repeat(32).parse().expect("a session");
                    true
                }
                _ => false,
            });
            if told { among(n, &[Decision]) } else { None }
        }),
        ("another subject", |ledger, n| {
            let told = retold(ledger, n, |transition| {
                let Some(subject) = &mut transition.subject else { return false };
                subject.item = "task/another".parse().expect("an item");
                true
            });
            if told { only(n, &[Decision]) } else { None }
        }),
        ("payload list emptied", |ledger, n| {
            let told = retold(ledger, n, |transition| {
                let some = !transition.payloads.is_empty();
                transition.payloads.clear();
                some
            });
            if told { only(n, &[Payload]) } else { None }
        }),
        ("payload of another size", |ledger, n| {
            let told = retold(ledger, n, |transition| {
                transition.payloads.values_mut().next().is_some_and(|payload| {
                    payload.size += 1;
                    true
                })
            });
            if told { among(n, &[Payload]) } else { None }
        }),
        ("payload removed", |ledger, n| {
            let payload = ledger.objects.transition(ledger.at(n).tree).payloads.values().next()?.oid;
            ledger.objects.remove(payload);
            among(n, &[Unreadable])
        }),
        ("payload spoiled", |ledger, n| {
            let payload = ledger.objects.transition(ledger.at(n).tree).payloads.values().next()?.oid;
            ledger.objects.spoil(payload);
            among(n, &[Damaged])
        }),
        ("tree removed", |ledger, n| {
            let tree = ledger.at(n).tree;
            ledger.objects.remove(tree);
            among(n, &[Unreadable])
        }),
        ("tree of other modes", |ledger, n| {
            ledger.forge(n, |objects, commit| {
                let mut bytes = b"100755 a\0".to_vec();
                bytes.extend_from_slice(commit.tree.as_bytes());
                commit.tree = objects.add(ObjectKind::Tree, bytes);
            });
            among(n, &[Unreadable])
        }),
        ("record that is no record", |ledger, n| {
            if n + 1 < ledger.chain.len() {
                return None;
            }
            ledger.forge(n, |objects, commit| {
                let bytes = b"rules = 1\nseq = \"many\"\n".to_vec();
                commit.tree = objects.with_files(commit.tree, &[("transition.toml", Some(bytes))]);
            });
            only(n, &[Unreadable])
        }),
        ("trailer forged", |ledger, n| {
            ledger.forge(n, |_, commit| commit.message.push_str("Millrace-Result: UPDATE_COMPLETE\n"));
            only(n, &[Message])
        }),
        ("subject changed", |ledger, n| {
            ledger.forge(n, |_, commit| commit.message.insert_str(0, "Really: "));
            only(n, &[Message])
        }),
        ("date changed", |ledger, n| {
            ledger.forge(n, |_, commit| commit.second += 1);
            among(n, &[Message])
        }),
        ("author's date changed", |ledger, n| {
            let commit = ledger.at(n);
            let text = String::from_utf8(commit.render()).expect("text");
            let author = format!("{} +0000\ncommitter", commit.second);
            let other = text.replace(&author, &format!("{} +0100\ncommitter", commit.second - 9));
            assert_ne!(other, text);
            let oid = ledger.objects.add(ObjectKind::Commit, other.into_bytes());
            ledger.replace(n, oid);
            only(n, &[Message])
        }),
        ("encoding claimed", |ledger, n| {
            let text = String::from_utf8(ledger.at(n).render()).expect("text");
            let other = text.replacen("\n\n", "\nencoding UTF-16\n\n", 1);
            let oid = ledger.objects.add(ObjectKind::Commit, other.into_bytes());
            ledger.replace(n, oid);
            only(n, &[Message])
        }),
        ("signed", |ledger, n| {
            let text = String::from_utf8(ledger.at(n).render()).expect("text");
            let other = text.replacen(
                "\n\n",
                "\ngpgsig -----BEGIN SSH SIGNATURE-----\n abc\n -----END SSH SIGNATURE-----\n\n",
                1,
            );
            let oid = ledger.objects.add(ObjectKind::Commit, other.into_bytes());
            ledger.replace(n, oid);
            only(n, &[])
        }),
        ("author changed", |ledger, n| {
            ledger.forge(n, |_, commit| commit.author = Person::new("Somebody Else", "else@example.org"));
            only(n, &[])
        }),
        ("rules raised", |ledger, n| {
            retold(ledger, n, |transition| {
                transition.rules = RULES + 1;
                true
            });
            // Not judged again; but rules that go back again are named.
            if n + 1 == ledger.chain.len() { only(n, &[]) } else { among(n + 1, &[Chain]) }
        }),
        ("rules that never were", |ledger, n| {
            retold(ledger, n, |transition| {
                transition.rules = 0;
                true
            });
            among(n, &[Decision])
        }),
        ("rules raised, with words of their own", |ledger, n| {
            if n + 1 < ledger.chain.len() {
                return None;
            }
            ledger.forge(n, |objects, commit| {
                let text = objects.text(commit.tree, "transition.toml").replacen(
                    &format!("rules = {RULES}"),
                    &format!("rules = {}", RULES + 1),
                    1,
                );
                let bytes = format!("new = true\n{text}").into_bytes();
                commit.tree = objects.with_files(commit.tree, &[("transition.toml", Some(bytes))]);
            });
            only(n, &[])
        }),
        ("format raised", |ledger, n| {
            ledger.forge(n, |objects, commit| {
                let text =
                    objects.text(commit.tree, "ledger.toml").replace("format = 1", "format = 2\nnew = 1");
                commit.tree = objects.with_files(commit.tree, &[("ledger.toml", Some(text.into_bytes()))]);
            });
            among(n, &[Format])
        }),
        ("format lowered", |ledger, n| {
            ledger.forge(n, |objects, commit| {
                let text = objects.text(commit.tree, "ledger.toml").replace("format = 1", "format = 0");
                commit.tree = objects.with_files(commit.tree, &[("ledger.toml", Some(text.into_bytes()))]);
            });
            only(n, &[Tree])
        }),
    ]
}

/// Each forgery at some places of the ledger, among them its ends.
#[test]
fn forgeries_are_named_where_they_are() {
    let sound = ledger();
    let last = sound.chain.len() - 1;
    let mut matrix = String::new();
    let mut wrong = 0;
    for (name, forge) in forgeries() {
        let mut tried = 0;
        // Places all over, each with some commits after it and as the last one.
        let places = [0, 45, 2, 30, 5, 17, 9, 60, 12, 24, last].into_iter().chain(1..last);
        for (n, after) in places.flat_map(|n| [(n, 4), (n, 0)]) {
            if tried == 4 {
                break;
            }
            let mut forged = sound.clone();
            forged.chain.truncate(n + 1 + after);
            let Some(Forged { at, kinds, only }) = forge(&mut forged, n) else { continue };
            tried += 1;
            let report = report(&forged);
            let oid = forged.chain[at];
            let has = |kind| report.findings.iter().any(|it| it.commit == oid && it.kind == kind);
            let missing: Vec<&str> =
                kinds.iter().filter(|kind| !has(**kind)).map(|kind| kind.as_str()).collect();
            let other: Vec<String> = report
                .findings
                .iter()
                .filter(|it| it.commit != oid || !kinds.contains(&it.kind))
                .map(|it| {
                    let place = forged.chain.iter().position(|oid| *oid == it.commit);
                    format!("{}@{place:?} {}", it.kind.as_str(), it.detail)
                })
                .collect();
            let fine = missing.is_empty() && (!only || other.is_empty());
            wrong += usize::from(!fine);
            let _ = writeln!(
                matrix,
                "{} {name:<38} {:<8} at {n:>3}: missing {missing:?}, other {:?}",
                if fine { "ok   " } else { "WRONG" },
                forged.op(at),
                if only || !fine { &other[..other.len().min(3)] } else { &[] },
            );
        }
        if tried == 0 {
            wrong += 1;
            let _ = writeln!(matrix, "WRONG {name} fits nowhere");
        }
    }
    assert_eq!(wrong, 0, "{wrong} wrong:\n{matrix}");
}

/// A chain whose beginning is gone is one finding, not one for each commit after it.
#[test]
fn a_missing_beginning_is_said_once() {
    let mut forged = ledger().clone();
    let gone = forged.chain[40];
    forged.objects.remove(gone);
    let report = report(&forged);
    assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
    let finding = &report.findings[0];
    assert_eq!((finding.commit, finding.kind), (gone, FindingKind::Unreadable));
    assert_eq!(report.commits, (forged.chain.len() - 42) as u64);
}

/// Numbers at the edge in a record that somebody wrote by hand: findings, never a panic.
#[test]
fn numbers_at_the_edge_do_not_break_the_replay() {
    let sound = ledger();
    for n in (2..sound.chain.len() - 1).step_by(17) {
        let mut forged = sound.clone();
        let files = forged.objects.files(forged.at(n).tree);
        let mut touched = false;
        for path in files.keys().filter(|path| {
            path.starts_with("active/") || path.starts_with("recovery/") || path.as_str() == "control.toml"
        }) {
            let text = forged.objects.text(forged.at(n).tree, path);
            let huge: String = text
                .lines()
                .map(|line| match line.split_once(" = ") {
                    Some((
                        key @ ("launches" | "spent" | "interruptions" | "number" | "times" | "fix_cycle"),
                        _,
                    )) => {
                        touched = true;
                        format!("{key} = 4294967295\n")
                    }
                    Some((key @ ("arrivals" | "done" | "archived"), _)) => {
                        touched = true;
                        format!("{key} = 9223372036854775807\n")
                    }
                    _ => format!("{line}\n"),
                })
                .collect();
            let path = path.clone();
            forged.forge(n, |objects, commit| {
                commit.tree = objects.with_files(commit.tree, &[(path.as_str(), Some(huge.into_bytes()))]);
            });
        }
        assert!(touched, "{n}");
        let report = report(&forged);
        let oid = forged.chain[n];
        assert!(report.findings.iter().any(|it| it.commit == oid && it.kind == FindingKind::Tree), "{n}");
    }
}

/// A writer leaves what a newer version wrote untouched, whatever that looks like.
#[test]
fn a_newer_ledger_is_refused_by_name() {
    use millrace::ledger::store::{NewObjects, Object, RefName};
    use millrace::ledger::transact::TransactError;
    let change = |path: &str, from: &str, to: &str| {
        let mut play = Play::new();
        let mut copy = Ledger::copy(play.store(), play.tip().expect("a tip"));
        let mut commit: Commit = copy.at(1);
        let text = copy.objects.text(commit.tree, path).replacen(from, to, 1);
        commit.tree = copy.objects.with_files(commit.tree, &[(path, Some(text.into_bytes()))]);
        commit.parents = vec![copy.tip()];
        let new = copy.objects.add_commit(&commit);
        let objects: Vec<Object> =
            copy.objects.all().map(|(oid, kind, bytes)| Object { kind, oid, bytes }).collect();
        let publication =
            super::support::publication(RefName::State, play.tip(), Some(new), NewObjects::Given(objects));
        play.store().writer(super::support::WAIT).expect("a lock").publish(publication).expect("published");
        let act = Play::act(play.now);
        let input = crate::support::play::cancelling("task/a");
        let refused = millrace::ledger::transact::transact(
            play.store(),
            &act,
            &input,
            &millrace::ledger::transact::Payloads::default(),
        );
        assert_eq!(play.tip(), Some(new), "untouched");
        play.looks = false;
        match refused {
            Err(TransactError::Newer { what, theirs, ours }) => format!("{what} {theirs} {ours}"),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(change("ledger.toml", "format = 1", "format = 2"), "format 2 1");
    assert_eq!(change("ledger.toml", "format = 1", "shape = \"new\"\nformat = 3"), "format 3 1");
    assert_eq!(change("transition.toml", "rules = 4", "rules = 5"), "rules 5 4");
    assert_eq!(change("transition.toml", "rules = 4", "rules = 9\nnew = true"), "rules 9 4");
}
