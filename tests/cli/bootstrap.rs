//! The operator's folder: commands complete it and say so, and never touch what is in it.

use std::os::unix::fs::PermissionsExt as _;

use super::commands::{STRAIGHT, call, data, everything, fed, said, task, well};
use crate::support::repo::TestRepo;

/// Every permission key, for two runners, with comments and odd spacing, as a person may leave it.
const CUSTOM: &str = "\
  # Ours: keep it.\r
[runners]\r
default_runner=\"scripted\"
\t
[ runners . codex ]   # careful
permission_default   =    \"basic\"
permission_by_stage  = {builder=\"elevated\",checker = 'basic' , fixer=\"maximum\"}
   permission_by_model = { \"gpt-5.1\" = \"elevated\" ,\"o 1\"=\"maximum\" }

[runners.scripted]
script = \"script.yaml\"
permission_default = \"elevated\"   # a comment without a line break after it
permission_by_stage.builder = \"basic\"
permission_by_model.\"gpt-5.1\" = \"maximum\"


[runners.command]
argv = [ \"true\", ]
permission_default = \"basic\"
permission_by_stage = { updater = \"elevated\" }
permission_by_model = { any = \"basic\" }
# the end, without a line break";

/// The commands that complete the folder, each with what it is fed.
fn commands() -> Vec<(Vec<&'static str>, Option<String>)> {
    vec![
        (vec!["init"], None),
        (vec!["init", "--mode", "standard_plain"], None),
        (vec!["compile", "validate"], None),
        (vec!["queue", "add-task", "-"], Some(task("a"))),
        (vec!["add-task", "-"], Some(task("b"))),
        (vec!["run", "once"], None),
        (vec!["run", "once", "--mode", "standard_plain"], None),
        (vec!["run", "daemon", "--until-idle"], None),
        (vec!["run", "daemon", "--until-idle", "--mode", "standard_plain"], None),
    ]
}

#[track_caller]
fn called(repo: &TestRepo, command: &[&str], input: Option<&String>) -> String {
    said(
        repo,
        &match input {
            Some(input) => fed(repo, command, input.as_bytes()),
            None => call(repo, command),
        },
    )
}

#[test]
fn f12_a_configuration_is_never_touched_not_even_its_times() {
    let repo = TestRepo::with_commit();
    repo.write("script.yaml", STRAIGHT);
    repo.write("millrace-agents/millrace.toml", CUSTOM);
    let path = repo.path().join("millrace-agents/millrace.toml");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("a mode");
    let agents = repo.path().join("millrace-agents");
    let before = everything(&agents)[&path].clone();
    for (command, input) in commands() {
        let text = called(&repo, &command, input.as_ref());
        assert!(text.starts_with("exit 0\n"), "{command:?}: {text}");
        assert!(everything(&agents)[&path] == before, "{command:?} touched it");
        assert_eq!(repo.read("millrace-agents/millrace.toml"), CUSTOM, "{command:?}");
    }
    // What it says is what counts.
    let shown = data(&repo, "config_show", &["config", "show"]);
    let of = |section: &str, key: &str| {
        let mut settings = shown["settings"].as_array().expect("settings").iter();
        settings.find(|one| one["section"] == section && one["key"] == key).expect(key)["value"].clone()
    };
    assert_eq!(of("runners.codex", "permission_by_stage.fixer"), "maximum");
    assert_eq!(of("runners.codex", "permission_by_model.\"o 1\""), "maximum");
    assert_eq!(of("runners.scripted", "permission_by_stage.builder"), "basic");
    assert_eq!(of("runners.command", "permission_by_model.any"), "basic");
    assert!(well(&repo, &["queue", "ls"]).starts_with("no open items"), "both tasks ran");
}

#[test]
fn f12_what_is_missing_is_made_and_said_by_each() {
    for (command, input) in commands() {
        let repo = TestRepo::with_commit();
        let text = called(&repo, &command, input.as_ref());
        assert!(text.starts_with("exit 0\n"), "{command:?}: {text}");
        for made in ["millrace-agents\n", "millrace-agents/millrace.toml\n", "millrace-agents/.gitignore\n"] {
            assert!(text.contains(&format!("created [repo]/{made}")), "{command:?}: {text}");
        }
        let file = repo.path().join("millrace-agents/millrace.toml");
        let written = std::fs::read_to_string(&file).expect("the file");
        assert!(written.contains("permission_default = \"maximum\""), "{written}");
        // Gone in part, with a plan selected: the same command makes that part again, and only that.
        std::fs::remove_file(&file).expect("removed");
        let text = called(&repo, &command, input.as_ref());
        assert!(text.starts_with("exit 0\n"), "{command:?}: {text}");
        assert_eq!(text.matches("created [repo]/").count(), 1, "{command:?}: {text}");
        assert_eq!(std::fs::read_to_string(&file).expect("the file"), written, "{command:?}");
    }
}

#[test]
fn another_runtimes_folder_is_named_and_left_as_it_is() {
    for found in ["state", "tasks"] {
        let repo = TestRepo::with_commit();
        repo.write(&format!("millrace-agents/{found}/queue/x.md"), "theirs");
        repo.write("millrace-agents/millrace.toml", "[runtime]\ndefault_mode = \"standard_plain\"\n");
        let agents = repo.path().join("millrace-agents");
        let before = everything(&agents);
        let message = format!(
            "[repo]/millrace-agents belongs to a runtime that keeps its state in files (it has {found}/), and is left as it \
             is; move or rename it to use Millrace here"
        );
        for (command, input) in commands() {
            let text = called(&repo, &command, input.as_ref());
            if input.is_some() {
                // The ledger does not need the folder.
                assert!(text.starts_with("exit 0\nadded  task/"), "{command:?}: {text}");
                let warning = format!("! warning: {message}; the ledger has the work all the same\n");
                assert!(text.ends_with(&warning), "{command:?}: {text}");
            } else {
                assert!(text.starts_with(&format!("exit 1\n! millrace: {message}\n")), "{command:?}: {text}");
            }
            assert!(everything(&agents) == before, "{command:?} touched it");
        }
        assert!(
            said(&repo, &call(&repo, &["doctor"]))
                .contains(&format!("error    millrace-agents  {message}\n"))
        );
        assert!(said(&repo, &call(&repo, &["status"])).contains(&format!("\n!! {message}\n")));
        let validated = call(&repo, &["config", "validate"]);
        assert_eq!(validated.status.code(), Some(2));
        assert!(said(&repo, &validated).contains(&format!("\nerror: {message}\n")));
        assert!(everything(&agents) == before);
    }
}

#[test]
fn another_runtimes_folder_stops_a_run_also_where_a_plan_is_selected() {
    let repo = TestRepo::with_commit();
    well(&repo, &["init"]);
    fed(&repo, &["add-task", "-"], task("a").as_bytes());
    repo.write("millrace-agents/state/x", "theirs");
    let before = everything(&repo.path().join("millrace-agents"));
    for command in [&["run", "once"][..], &["run", "daemon", "--until-idle"]] {
        let text = said(&repo, &call(&repo, command));
        assert!(
            text.starts_with("exit 1\n! millrace: [repo]/millrace-agents belongs to a runtime"),
            "{text}"
        );
    }
    assert!(everything(&repo.path().join("millrace-agents")) == before);
}
