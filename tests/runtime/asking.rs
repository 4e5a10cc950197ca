//! A harness that ends well and without a word is asked for its result, in its own session; one of which nothing comes
//! at all rests.

use serde_json::Value;

use super::site::Site;
use crate::support::repo::TestRepo;

/// A harness with sessions: its builder says at first what it did, and not how it ended. What it tells of its tokens is
/// the session's.
const TALKER: &str = r####"
cat > "@/$MILLRACE_STAGE-$#"
echo '{"type":"session","id":"s-1"}'
if [ "$#" = 0 ] && [ "$MILLRACE_STAGE" = builder ]; then
  echo made > made.txt
  echo '{"type":"end","text":"I did it.","tokens":100,"out":10}'
  exit 0
fi
[ "$#" = 0 ] || echo "$1" > "@/resumed"
case "$MILLRACE_STAGE" in
  builder) result=BUILDER_COMPLETE ;;
  checker) result=CHECKER_PASS ;;
  *) result=UPDATE_COMPLETE ;;
esac
printf '{"type":"end","text":"### %s","tokens":150,"out":15}\n' "$result"
"####;

fn talker() -> Site {
    talker_with("resume_argv = [\"sh\", \"@\", \"{session}\"]\n")
}

/// The same, with these keys; `@` is its program.
fn talker_with(keys: &str) -> Site {
    let site = Site { repo: TestRepo::with_commit() };
    std::fs::create_dir(site.repo.beside().join("signs")).expect("a folder");
    let path = site.repo.beside().join("harness.sh");
    let signs = site.repo.beside().join("signs").display().to_string();
    std::fs::write(&path, TALKER.replace('@', &signs)).expect("a script");
    let path = path.display();
    let keys = keys.replace('@', &path.to_string());
    site.configure(&format!(
        "[runners]\ndefault_runner = \"talker\"\n[runners.talker]\nkind = \"command\"\nargv = [\"sh\", \"{path}\"]\n\
         {keys}parser = \"jsonl\"\n[runners.talker.mapping]\n\
         tokens_are = \"session\"\n[[runners.talker.mapping.rules]]\nwhen = {{ type = \"session\" }}\n\
         take = {{ session_id = \"id\" }}\n[[runners.talker.mapping.rules]]\nwhen = {{ type = \"end\" }}\n\
         take = {{ terminal = \"type\", final_message = \"text\", input = \"tokens\", output = \"out\" }}\n"
    ));
    site
}

#[test]
fn a_harness_without_a_word_is_asked_in_its_session_and_its_work_is_kept() {
    let site = talker();
    site.add("one");
    let answer = site.json(&["run", "once"]);
    assert_eq!(answer["outcome"], "stage", "{answer:#}");
    // Between the two, everybody can see what comes.
    let status = site.ok(&["status"]);
    assert!(status.contains("asked for the result that launch 1 ended without"), "{status}");
    let run = site.json(&["status"])["runs"][0]["run"].as_str().expect("a run").to_owned();
    let shown = site.json(&["runs", "show", &run]);
    let now = shown["now"].as_str().unwrap_or_default();
    assert!(now.ends_with("launch 1 ended without a word and will be asked for its result"), "{now}");
    assert_eq!(shown["launches"][0]["result"]["session"], "s-1", "{shown:#}");

    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(site.state_of("one"), "done");
    assert_eq!(std::fs::read_to_string(site.sign("resumed")).expect("a session").trim(), "s-1");
    let again = "handoff: one builder runs again (missing_terminal_result: asked for its result)";
    assert!(site.story().iter().any(|line| line == again), "{:#?}", site.story());
    let shown = site.json(&["runs", "show", &run]);
    let launches = shown["launches"].as_array().expect("launches");
    assert_eq!(launches.len(), 4, "{shown:#}");
    // The session told 150 and 15 in all; the question alone took what is more than before.
    let usage = |n: usize, what: &str| launches[n]["result"]["usage"][what].as_u64();
    assert_eq!([usage(0, "input_uncached"), usage(0, "output")], [Some(100), Some(10)]);
    assert_eq!([usage(1, "input_uncached"), usage(1, "output")], [Some(50), Some(5)]);

    // What it was asked is short, has a nonce of its own, and lies in the ledger like any prompt.
    let asked = std::fs::read_to_string(site.sign("builder-1")).expect("a prompt");
    let first = std::fs::read_to_string(site.sign("builder-0")).expect("a prompt");
    assert!(asked.starts_with("You are still the `builder` stage"), "{asked}");
    let nonce = |prompt: &str| {
        prompt.lines().find_map(|line| line.strip_prefix("Nonce: ")).expect("a nonce").to_owned()
    };
    assert_ne!(nonce(&asked), nonce(&first));
    assert!(asked.contains("BUILDER_COMPLETE") && asked.contains("/02-builder/result.json"), "{asked}");
    assert!(!asked.contains("Read these files first"), "{asked}");
    assert_eq!(site.show(&site.path("runs/", "/02-builder/prompt.md")).trim(), asked.trim());
    assert!(site.show(&site.path("runs/", "/02-builder/request.toml")).contains("resumes = \"s-1\""));
    site.sound();
}

/// A harness that is out of order and does not say so: no task is lost to it, and none pays for it.
/// There is no way back into its session: that it said nothing is its end.
#[test]
fn a_harness_that_cannot_resume_is_not_asked() {
    let site = talker_with("");
    site.add("one");
    site.json(&["run", "once"]);
    let run = site.json(&["status"])["runs"][0]["run"].as_str().expect("a run").to_owned();
    let result = &site.json(&["runs", "show", &run])["launches"][0]["result"];
    assert_eq!(result["why"].as_str().map(|why| why.contains("asked")), Some(false), "{result:#}");
    assert!(result["session"].is_null(), "{result:#}");
}

#[test]
fn m03_a_harness_of_which_nothing_comes_rests_and_costs_no_item() {
    let site = Site::commanded(
        "\n[limits]\nmax_launches_per_item = 2\n",
        "[ -e @/works ] || exit 1\n\
         case \"$MILLRACE_STAGE\" in\n  builder) echo '### BUILDER_COMPLETE' ;;\n  *) echo '### BLOCKED' ;;\nesac\n",
    );
    for id in ["one", "two", "three"] {
        site.add(id);
    }
    let ended = site.work();
    assert_eq!(
        (&ended["reason"], &ended["waits"]["cause"]),
        (&"waiting".into(), &"harness:command".into()),
        "{ended:#}"
    );
    assert_eq!(["one", "two", "three"].map(|id| site.state_of(id)), ["queued", "active", "queued"]);
    let run = site.show(&site.path("active/", ".toml"));
    assert!(run.contains("spent = 0"), "{run}");
    let status = site.json(&["status"]);
    let pause = &status["pauses"][0];
    assert_eq!(pause["cause"], Value::from("harness:command"));
    let detail = pause["detail"].as_str().unwrap_or_default();
    assert!(
        detail.starts_with(
            "suspected_outage: 3 launches in a row, of 2 items, left neither a result nor a change"
        ),
        "{detail}"
    );
    let again = "handoff: two builder runs again (infrastructure:suspected_outage)";
    assert!(site.story().iter().any(|line| line == again), "{:#?}", site.story());
    // It works again: the probe shows it.
    site.give("works");
    site.ok(&["resume", "--cause", "harness:command"]);
    assert_eq!(site.json(&["run", "once"])["outcome"], "stage");
    assert_eq!(site.json(&["status"])["pauses"], serde_json::json!([]));
    site.sound();
}
