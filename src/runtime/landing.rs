//! `[workspace] on_done = "commit"`: the change of a run that is done becomes a commit of the user's branch, before
//! anything else starts; and where the code of a run lies.

use super::project::Project;
use super::tree::TreeError;
use crate::domain::control::ToLand;
use crate::domain::ids::RunId;
use crate::domain::item::ItemRef;
use crate::domain::run;
use crate::domain::transition::input::Input;
use crate::domain::transition::refusal::Refusal;
use crate::domain::view::{Fault, View as _};
use crate::format::message::{a_title, one_line};
use crate::ledger::transact::TransactError;
use crate::workspace::landing::{Landed, Landing, land};

/// Characters of a reason.
const WHY_CHARS: usize = 300;

/// Characters of the commit's subject.
const SUBJECT_CHARS: usize = 100;

/// Commits the change of the run on the user's branch, or says why not; what is said of it. After a crash at any point it
/// is simply done again, and never twice.
pub(super) fn settle(project: &Project, to_land: &ToLand) -> Result<String, TreeError> {
    let trees = project.trees();
    let view = project.view(&trees)?;
    let run = &to_land.run;
    let lacks = || Fault { at: format!("run {run}"), detail: "it is to land and has not ended".to_owned() };
    let record = view.run_record(run)?.ok_or_else(lacks)?;
    let end = record.end.as_ref().ok_or_else(lacks)?;
    let title = view.known(&record.item)?.map(|known| known.intake.title).unwrap_or_default();
    let message = message(run, &record.item, &title);
    let landed = land(
        &project.repository,
        &Landing {
            run: run.as_str(),
            branch: to_land.branch.as_deref(),
            start: record.start,
            last: end.snapshot,
            message: &message,
        },
    );
    let (landing, said) = match landed {
        Ok(Landed::Committed { commit, branch }) => {
            let said = format!("the change of run {run} is commit {} on {branch}", commit.short());
            (run::Landing::Committed { commit, branch }, said)
        }
        Ok(Landed::Found { commit, branch }) => {
            let said = format!(
                "the change of run {run} is in commit {} on {branch}, which the runtime did not make",
                commit.short()
            );
            (run::Landing::Committed { commit, branch }, said)
        }
        Ok(Landed::Left(why)) => left(run, &why.to_string()),
        Err(error) => left(run, &error.to_string()),
    };
    match project.note(&Input::Land { run: run.clone(), landing }) {
        Ok(_) | Err(TransactError::Refused(Refusal::NothingOwed { .. })) => Ok(said),
        Err(error) => Err(error.into()),
    }
}

fn left(run: &RunId, why: &str) -> (run::Landing, String) {
    let why = one_line(why, WHY_CHARS);
    let said = format!("the change of run {run} stays uncommitted: {why}");
    (run::Landing::Left { why }, said)
}

/// The commit's message: the item's title, and trailers that lead to the ledger.
fn message(run: &RunId, item: &ItemRef, title: &str) -> String {
    let title = one_line(&a_title(title), SUBJECT_CHARS);
    // git's own tools take a line that begins so for a comment.
    let title = title.trim_start_matches(['#', ' ']);
    let subject = if title.is_empty() { item.id.as_str() } else { title };
    format!("{subject}\n\nMillrace-Item: {item}\nMillrace-Run: {run}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// git's tools take a line that begins with `#` for a comment, and drop it.
    #[test]
    fn a_title_that_looks_like_a_comment_is_a_subject_all_the_same() {
        let run: RunId = "20200101-0000-aaaaaa".parse().expect("an id");
        let item: ItemRef = "task/one".parse().expect("an item");
        for (title, subject) in
            [("# 12: mend it", "12: mend it"), ("##", "one"), ("", "one"), ("C# code", "C# code")]
        {
            let message = message(&run, &item, title);
            assert_eq!(message.lines().next(), Some(subject));
            assert!(message.lines().all(|line| !line.starts_with('#')), "{message}");
        }
    }
}
