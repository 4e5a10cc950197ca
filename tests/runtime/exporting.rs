//! A run in one file, for a stranger: written here, verified in an empty folder, and by git alone.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use super::site::{MILLRACE, STRAIGHT, Site, text};

fn run_id(site: &Site) -> String {
    site.run_branch().rsplit('/').next().expect("an id").to_owned()
}

/// The bundle of the only run.
fn exported(site: &Site) -> (PathBuf, Value) {
    let file = site.repo.beside().join("run.bundle");
    let answer = site.json(&["export", &run_id(site)[..15], "--output", &file.display().to_string()]);
    (file, answer)
}

/// The program where there is no repository.
fn elsewhere(site: &Site, args: &[&str]) -> Output {
    let folder = site.repo.beside().join("elsewhere");
    std::fs::create_dir_all(&folder).expect("a folder");
    site.repo.command(MILLRACE).args(args).current_dir(&folder).output().expect("millrace runs")
}

fn checked(site: &Site, file: &Path) -> (Option<i32>, Value) {
    let output = elsewhere(site, &["verify", "--json", "--bundle", &file.display().to_string()]);
    let said = text(&output.stdout);
    let answer: Value =
        serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}{}", text(&output.stderr)));
    (output.status.code(), answer["data"].clone())
}

#[test]
fn a_stranger_verifies_a_run_offline() {
    let site = Site::scripted(STRAIGHT);
    site.repo.write("uncommitted.txt", "mine\n");
    site.add("one");
    site.work();
    let ended = site.repo.git(&["rev-parse", "refs/millrace/state"]);
    // What came after the run's end is not in it.
    site.add("two");
    let (file, answer) = exported(&site);
    assert!(answer["transitions"].as_u64().expect("a number") < 20, "{answer:#}");
    site.repo.git(&["merge-base", "--is-ancestor", answer["ledger"].as_str().expect("a commit"), &ended]);
    assert_eq!(answer["base"], site.repo.git(&["rev-parse", "HEAD"]).as_str());
    assert_eq!(std::fs::metadata(&file).expect("a file").len(), answer["bytes"].as_u64().expect("a number"));

    let (code, said) = checked(&site, &file);
    assert_eq!((code, &said["sound"]), (Some(0), &Value::Bool(true)), "{said:#}");
    assert_eq!(said["item"], "task/one");
    assert_eq!(said["branch"], site.repo.git(&["rev-parse", &site.run_branch()]).as_str());
    assert_eq!(said["snapshots"], answer["snapshots"]);
    let page = text(&elsewhere(&site, &["verify", "--bundle", &file.display().to_string()]).stdout);
    assert!(page.contains("\nall sound\nnot named by this: who wrote it"), "{page}");

    // git alone reads it where nothing else is, once it is told where history ends.
    let empty = site.repo.beside().join("empty").display().to_string();
    site.repo.git(&["init", "--quiet", &empty]);
    std::fs::write(
        Path::new(&empty).join(".git/shallow"),
        format!("{}\n", answer["base"].as_str().expect("one")),
    )
    .expect("a boundary");
    site.repo.git(&["-C", &empty, "fetch", "--quiet", &file.display().to_string(), "refs/*:refs/*"]);
    site.repo.git(&["-C", &empty, "fsck", "--strict"]);
    let shown = site.repo.git(&["-C", &empty, "show", &format!("{}:made.txt", site.run_branch())]);
    assert_eq!(shown, "made");
    // Whoever has the repository needs no such thing.
    site.repo.git(&["fetch", "--quiet", &file.display().to_string(), "refs/*:refs/imported/*"]);

    let again = site.run(&["export", &run_id(&site), "--output", &file.display().to_string()]);
    assert!(again.status.code() == Some(2) && text(&again.stderr).contains(" is there already"), "{again:?}");
}

#[test]
fn what_a_bundle_says_that_its_ledger_does_not_is_named() {
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    site.work();
    let (_, answer) = exported(&site);
    let branch = site.run_branch();
    let ledger = answer["ledger"].as_str().expect("a commit").to_owned();
    let base = answer["base"].as_str().expect("a commit").to_owned();
    // The same bundle by hand, with other things in it.
    let bundle = |name: &str, ledger: &str, tip: &str| {
        let folder = site.repo.beside().join(name).display().to_string();
        site.repo.git(&["clone", "--quiet", "--bare", "--no-local", ".", &folder]);
        let fetch = |what: &str| {
            site.repo.git(&[
                "-C",
                &folder,
                "fetch",
                "--quiet",
                &site.repo.path().display().to_string(),
                what,
            ]);
        };
        fetch(&format!("{ledger}:refs/millrace/state"));
        fetch(&format!("{tip}:{branch}"));
        let file = format!("{folder}.bundle");
        site.repo.git(&["-C", &folder, "bundle", "create", "--quiet", &file, "refs/millrace/state", &branch]);
        PathBuf::from(file)
    };
    site.repo.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
    let sentence = |file: &Path| {
        let (code, said) = checked(&site, file);
        let all = said["findings"]
            .as_array()
            .expect("findings")
            .iter()
            .chain(said["ledger"]["findings"].as_array().expect("findings"));
        let all: Vec<String> = all.map(|one| one["detail"].as_str().unwrap_or_default().to_owned()).collect();
        (code, all.join("; "))
    };
    let whole = bundle("whole", &ledger, &branch);
    assert_eq!(sentence(&whole).0, Some(0), "{}", sentence(&whole).1);

    // Another commit on top of the run's work, with other files.
    let tree = site.repo.git(&["rev-parse", &format!("{base}^{{tree}}")]);
    let added = site.repo.git(&["commit-tree", &tree, "-p", &branch, "-m", "better"]);
    let (code, said) = sentence(&bundle("added", &ledger, &added));
    assert!(
        code == Some(5) && said.contains("it is on the run branch, and the ledger does not name it"),
        "{said}"
    );
    // The run's own code, and another word about how it ended; or the same word by somebody else.
    let message = site.repo.git(&["log", "-1", "--format=%B", &branch]);
    let tree_of_run = site.repo.git(&["rev-parse", &format!("{branch}^{{tree}}")]);
    for said in [message.replace("done: ", "accepted: "), message.clone()] {
        let parent = format!("{branch}~1");
        let other = site.repo.git(&["commit-tree", &tree_of_run, "-p", &parent, "-m", &said]);
        let (code, said) = sentence(&bundle(&format!("word-{}", said.len()), &ledger, &other));
        assert!(
            code == Some(5) && said.contains("it is on the run branch, and the ledger does not name it"),
            "{said}"
        );
    }
    // That last commit left out.
    let open = bundle("open", &ledger, &site.repo.git(&["rev-parse", &format!("{branch}~1")]));
    let (code, said) = sentence(&open);
    assert!(
        code == Some(5)
            && said.contains(
                "the run branch ends here, and not with the closing commit that the ledger makes ("
            ),
        "{said}"
    );
    // A snapshot left out.
    let first = site.repo.git(&["rev-list", "--reverse", "--first-parent", &format!("{base}..{branch}")]);
    let first = first.lines().next().expect("a commit").to_owned();
    let (code, said) = sentence(&bundle("short", &ledger, &first));
    assert!(code == Some(5) && said.contains(", and the run branch lacks it"), "{said}");
    // Not even the commit that it began on.
    let (code, said) =
        sentence(&bundle("other", &ledger, &site.repo.git(&["commit-tree", &tree, "-m", "root"])));
    assert_eq!(code, Some(5), "{said}");
    // A ledger of before the run.
    let (code, said) =
        sentence(&bundle("early", &site.repo.git(&["rev-parse", &format!("{ledger}~8")]), &branch));
    assert!(code == Some(5) && said.contains("the ledger knows no run "), "{said}");
    // A result that was made better.
    let forged = {
        let index = site.repo.beside().join("index");
        let with = |args: &[&str]| {
            let output =
                site.repo.command("git").args(args).env("GIT_INDEX_FILE", &index).output().expect("git");
            assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
            text(&output.stdout).trim().to_owned()
        };
        with(&["read-tree", &ledger]);
        let path = site.path("runs/", "/02-checker/result.toml");
        site.repo.write("better.toml", "stage = \"execution/checker\"\n");
        let blob = with(&["hash-object", "-w", "better.toml"]);
        with(&["update-index", "--add", "--cacheinfo", &format!("100644,{blob},{path}")]);
        let message = site.repo.git(&["log", "-1", "--format=%B", &ledger]);
        site.repo.git(&["commit-tree", &with(&["write-tree"]), "-p", &format!("{ledger}~1"), "-m", &message])
    };
    let (code, said) = sentence(&bundle("better", &forged, &branch));
    assert!(
        code == Some(5) && said.contains("the tree is not what the decision makes of its parent's"),
        "{said}"
    );
}

#[test]
fn a_bundle_that_lacks_a_file_of_the_run_is_named() {
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    site.work();
    let (file, answer) = exported(&site);
    let bytes = std::fs::read(&file).expect("a file");
    let end = bytes.windows(2).position(|two| two == b"\n\n").expect("a header") + 2;
    let branch = site.run_branch();
    let made = site.repo.git(&["rev-parse", &format!("{branch}:made.txt")]);
    let ledger = answer["ledger"].as_str().expect("a commit");
    let objects = site.repo.git(&["rev-list", "--objects", "--no-object-names", ledger, &branch]);
    let list = site.repo.beside().join("objects");
    let some: Vec<&str> = objects.lines().filter(|oid| *oid != made).collect();
    std::fs::write(&list, some.join("\n") + "\n").expect("a list");
    let mut git = site.repo.command("git");
    let input = std::fs::File::open(&list).expect("a list");
    let pack = git.args(["pack-objects", "-q", "--stdout"]).stdin(input).output().expect("git runs");
    assert!(pack.status.success(), "{pack:?}");
    std::fs::write(&file, [&bytes[..end], &pack.stdout].concat()).expect("a file");
    let (code, said) = checked(&site, &file);
    assert_eq!(code, Some(5), "{said:#}");
    assert!(said["findings"].to_string().contains("files of the run branch are missing: "), "{said:#}");
}

/// A commit that a stage names in what it says, put in the place of the run's branch when all is over.
#[test]
fn a_commit_that_a_stage_only_talks_about_is_no_part_of_its_run() {
    let site = Site::scripted(STRAIGHT);
    let base = site.repo.git(&["rev-parse", "HEAD"]);
    let named = site.repo.git(&["commit-tree", "HEAD^{tree}", "-p", &base, "-m", "elsewhere"]);
    site.script(&STRAIGHT.replace("Made it.", &format!("Made it, see {named}.")));
    site.add("one");
    site.work();
    let branch = site.run_branch();
    site.repo.git(&["update-ref", &branch, &named]);
    let run = run_id(&site);
    let refused = site.run(&["export", &run]);
    let said = text(&refused.stderr);
    assert!(!refused.status.success(), "{said}");
    let (before, due) = said.split_once(", and by the ledger at ").expect(&said);
    assert_eq!(before, format!("millrace: the branch of run {run} ends at {named}"));
    assert!(due.contains(&format!("`millrace recover {run}`")), "{due}");
}

#[test]
fn what_is_no_bundle_of_a_run_is_refused() {
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    site.ok(&["run", "once"]);
    let id = run_id(&site);
    let early = site.run(&["export", &id]);
    assert!(
        text(&early.stderr)
            .contains(&format!("run {id} has not ended: there is no end yet to export it up to")),
        "{early:?}"
    );
    site.work();
    let (file, _) = exported(&site);
    let bytes = std::fs::read(&file).expect("a file");
    let refused = |name: &str, content: &[u8]| {
        let path = site.repo.beside().join(name);
        std::fs::write(&path, content).expect("a file");
        let output = elsewhere(&site, &["verify", "--bundle", &path.display().to_string()]);
        let said = text(&output.stderr);
        assert!(
            output.status.code() == Some(2) && said.contains(" is no bundle of a run: "),
            "{name}: {said}"
        );
        said
    };
    refused("empty", b"");
    refused("text", b"hello\n\nworld");
    refused("cut", &bytes[..bytes.len() / 2]);
    let mut spoiled = bytes.clone();
    let last = spoiled.len() - 40;
    spoiled[last] ^= 1;
    refused("spoiled", &spoiled);
    let head = |from: &str, to: &str| {
        let end = bytes.windows(2).position(|two| two == b"\n\n").expect("a header");
        let header = String::from_utf8(bytes[..end].to_vec()).expect("text").replace(from, to);
        [header.as_bytes(), &bytes[end..]].concat()
    };
    assert!(
        refused("heads", &head("refs/millrace/state", "refs/heads/main"))
            .contains("it holds refs/heads/main")
    );
    assert!(refused("v9", &head("v2", "v9")).contains("it does not begin as a git bundle does"));
    assert!(
        refused("needs", &head("bundle\n", "bundle\n-0123456789012345678901234567890123456789 x\n"))
            .contains("it needs commits that are not in it")
    );
    // After its end git reads nothing, and so nothing of that was verified.
    let longer = site.repo.beside().join("longer");
    std::fs::write(&longer, [bytes.as_slice(), b"more"].concat()).expect("a file");
    let (code, said) = checked(&site, &longer);
    assert_eq!(code, Some(5), "{said:#}");
    assert!(
        said["findings"]
            .to_string()
            .contains("the file goes on after its end: 4 bytes that belong to nothing"),
        "{said:#}"
    );
    let output = elsewhere(&site, &["verify", "--bundle", "nowhere"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("cannot read nowhere: No such file"), "{output:?}");
    site.repo.git(&["update-ref", "-d", &site.run_branch()]);
    let output = site.run(&["export", &id]);
    assert!(text(&output.stderr).contains(&format!("run {id} has no run branch any more")), "{output:?}");
}
