//! Why a command could not do its work: lines for people, a hint, and the exit code. Kinds of error become exit
//! codes here and nowhere else.

mod sharing;

use std::fmt::Display;

use super::exit::Exit;
use crate::domain::ids::PlanId;
use crate::domain::view::Fault;
use crate::format::count::counted;
use crate::format::quote::one_line;
use crate::ledger::store::StoreError;
use crate::ledger::transact::TransactError;
use crate::ledger::trust::Distrust;
use crate::runtime::approval::ApprovalError;
use crate::runtime::daemon::RunError;
use crate::runtime::daemon_lock::DaemonLockError;
use crate::runtime::hooks::HookError;
use crate::runtime::intake::IntakeError;
use crate::runtime::plans::PlanError;
use crate::runtime::project::OpenError;
use crate::runtime::repair::Damage;
use crate::runtime::snapshots::SnapError;
use crate::runtime::stage::StageError;
use crate::runtime::tick::TickError;
use crate::runtime::tree::TreeError;
use crate::workspace::head::HeadError;

/// What to do about a damaged ledger.
const DAMAGED: &str =
    "`millrace doctor` tells what is wrong; `millrace doctor --repair` goes back to the newest intact state";

/// What to do about a ledger that is not what this machine left.
const DISTRUSTED: &str = "`millrace verify` tells more; `millrace doctor --repair` goes back to the newest intact state that follows what this \
     machine left, `millrace doctor --accept TIP` believes it as it stands";

/// A command that could not do its work.
#[derive(Debug)]
pub(crate) struct Failure {
    /// How the program ends.
    pub(crate) exit: Exit,
    /// What was wrong: one line each, usually one.
    pub(crate) lines: Vec<String>,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, what: impl Display) -> Self {
        Self { exit, lines: vec![one_line(what.to_string().trim()).into_owned()], hint: None }
    }

    /// Bad usage or bad input.
    pub(crate) fn input(what: impl Display) -> Self {
        Self::new(Exit::Input, what)
    }

    /// Something that failed for no reason of the user's.
    pub(crate) fn failed(what: impl Display) -> Self {
        Self::new(Exit::Refused, what)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Which plan is selected after a compile that came to nothing.
pub(crate) fn stands_text(plan: Option<&PlanId>) -> String {
    match plan {
        Some(plan) => format!("{plan} stays selected"),
        None => "no plan is selected, so nothing runs yet".to_owned(),
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Discover(error) => Self::new(Exit::Repository, error),
            OpenError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let exit = match &error {
            StoreError::Unsupported(_) => Exit::Repository,
            StoreError::Missing(_) | StoreError::Damaged { .. } | StoreError::DamagedRef { .. } => {
                Exit::Damaged
            }
            StoreError::Locked { .. } | StoreError::Moved { .. } => Exit::Busy,
            StoreError::Io { .. } | StoreError::Git { .. } | StoreError::Unsigned(_) => Exit::Refused,
        };
        let this = Self::new(exit, &error);
        if exit == Exit::Damaged { this.hint(DAMAGED) } else { this }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::new(Exit::Damaged, format!("the ledger cannot be read: {fault}"))
            .hint("`millrace verify` names every commit that is wrong")
    }
}

impl From<Distrust> for Failure {
    fn from(error: Distrust) -> Self {
        match error {
            Distrust::Store(error) => error.into(),
            distrust => {
                Self::new(Exit::Damaged, format!("the ledger cannot be trusted: {distrust}")).hint(DISTRUSTED)
            }
        }
    }
}

impl From<TransactError> for Failure {
    fn from(error: TransactError) -> Self {
        match error {
            TransactError::Store(error) => error.into(),
            TransactError::Fault(fault) => fault.into(),
            TransactError::Distrusted(distrust) => (*distrust).into(),
            TransactError::Refused(_) | TransactError::Newer { .. } | TransactError::Internal(_) => {
                Self::failed(error)
            }
        }
    }
}

impl From<IntakeError> for Failure {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Document(error) => Self::input(error),
            IntakeError::Id(error) => Self::input(error),
            IntakeError::Store(error) => error.into(),
            IntakeError::Transact(error) => error.into(),
        }
    }
}

impl From<HookError> for Failure {
    fn from(error: HookError) -> Self {
        match error {
            HookError::Line(error) => Self::input(error),
            HookError::Head(error) => error.into(),
            HookError::Store(error) => error.into(),
            HookError::Transact(error) => error.into(),
        }
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Bare(_) => Self::new(Exit::Repository, error),
            PlanError::Config(error) => Self::input(error),
            // A file of the operator's: the configuration, or one that takes the place of a shipped one.
            PlanError::Read { .. } => Self::input(error),
            PlanError::Rejected { diagnostics, stands } => {
                let mut lines: Vec<String> = diagnostics.errors.iter().map(ToString::to_string).collect();
                if diagnostics.more_errors > 0 {
                    lines.push(format!("and {}", counted(diagnostics.more_errors, "more error")));
                }
                Self { exit: Exit::Input, lines, hint: Some(stands_text(stands.as_ref())) }
            }
            PlanError::Store(error) => error.into(),
            PlanError::Transact(error) => error.into(),
            other => Self::failed(other),
        }
    }
}

impl From<ApprovalError> for Failure {
    fn from(error: ApprovalError) -> Self {
        match error {
            ApprovalError::Fault(fault) => fault.into(),
            ApprovalError::Read(_) => Self::failed(error),
        }
    }
}

impl From<DaemonLockError> for Failure {
    fn from(error: DaemonLockError) -> Self {
        match error {
            DaemonLockError::Held { .. } => {
                Self::new(Exit::Busy, error).hint("`millrace status` shows what it works on")
            }
            DaemonLockError::Io { .. } => Self::failed(error),
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Lock(error) => error.into(),
            RunError::Tick(error) => error.into(),
            RunError::Damaged(Damage::Store(error)) => error.into(),
            RunError::Damaged(Damage::Tip(_)) => Self::new(Exit::Damaged, error).hint(DAMAGED),
            RunError::Damaged(Damage::Distrusted(_)) => Self::new(Exit::Damaged, error).hint(DISTRUSTED),
            RunError::Bare(_) => Self::new(Exit::Repository, error),
            RunError::Start(_) => Self::failed(error),
        }
    }
}

impl From<TickError> for Failure {
    fn from(error: TickError) -> Self {
        match error {
            TickError::Stage(error) => error.into(),
            TickError::Tree(TreeError::Transact(error)) | TickError::Transact(error) => error.into(),
            TickError::Tree(TreeError::Fault(fault)) | TickError::Fault(fault) => fault.into(),
            TickError::Plan(error) => error.into(),
            TickError::Approval(error) => error.into(),
            TickError::Runner(error) => Self::failed(error),
            TickError::Distrusted(error) => (*error).into(),
            TickError::Tree(error) => Self::failed(error),
        }
    }
}

impl From<StageError> for Failure {
    fn from(error: StageError) -> Self {
        match error {
            StageError::Transact(error) => error.into(),
            StageError::Store(error) | StageError::Snapshot(SnapError::Store(error)) => error.into(),
            StageError::Fault(fault) => fault.into(),
            StageError::Bare(_) => Self::new(Exit::Repository, error),
            other => Self::failed(other),
        }
    }
}

impl From<HeadError> for Failure {
    fn from(error: HeadError) -> Self {
        Self::new(Exit::Repository, error)
    }
}
