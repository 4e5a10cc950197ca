//! Where a run's code lies.

use serde::Serialize;

use crate::cli::diffstat::DiffStat;
use crate::cli::failure::Failure;
use crate::cli::handoffs::Handoffs;
use crate::domain::oid::Oid;
use crate::ledger::store::{RefName, Store as _};
use crate::runtime::finished::{WhereCode, finished_code};
use crate::runtime::project::Project;
use crate::runtime::tick::TickError;

/// A run's code.
#[derive(Debug, Serialize)]
pub(super) struct Code {
    /// The commit that the user stood on.
    pub(super) base: Option<Oid>,
    /// The code before the first stage.
    pub(super) start: Oid,
    /// What the run has come to.
    pub(super) end: Oid,
    /// The run branch.
    pub(super) branch: String,
    /// Its newest commit; none where the branch is not there.
    pub(super) tip: Option<Oid>,
    /// What the run changed in all; none where its code is not in this repository.
    pub(super) changed: Option<DiffStat>,
    /// Where the code of a run that has ended lies.
    #[serde(rename = "where")]
    pub(super) place: Option<WhereCode>,
    /// The same in words, with what is not there.
    pub(super) lies: String,
}

impl Code {
    pub(super) fn of(
        project: &Project,
        handoffs: &Handoffs,
        changed: Option<DiffStat>,
    ) -> Result<Self, Failure> {
        let record = &handoffs.record;
        let branch = RefName::Run(record.run.clone());
        let tip = project.store.resolve(&branch)?;
        let branch = branch.full();
        let place = finished_code(project, &record.run).map_err(TickError::from)?;
        let lies = match (&changed, tip, &place) {
            (None, None, _) => format!(
                "not in this repository: {branch} is not there, it was deleted or the run was made elsewhere"
            ),
            (None, Some(_), _) => format!("not in this repository: {branch} does not hold all of it"),
            (Some(changed), _, _) if changed.changed == 0 => "no code was changed".to_owned(),
            (Some(_), Some(_), Some(place)) => match place {
                WhereCode::RunBranch { .. } | WhereCode::Superseded { .. } => place.to_string(),
                _ => format!("{place}; all of it is on {branch}"),
            },
            (Some(_), None, Some(place)) => {
                let place = match place {
                    WhereCode::RunBranch { .. } | WhereCode::Superseded { .. } => {
                        "only in its commits".to_owned()
                    }
                    _ => place.to_string(),
                };
                format!("{place}; {branch}, which held all of it as {}, is not there", handoffs.end)
            }
            (Some(_), _, None) => branch.clone(),
        };
        Ok(Self {
            base: record.base,
            start: record.start,
            end: handoffs.end,
            branch,
            tip,
            changed,
            place,
            lies,
        })
    }
}
