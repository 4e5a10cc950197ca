//! One file per command.

pub(super) mod compile;
pub(super) mod completions;
pub(super) mod config;
pub(super) mod control;
pub(super) mod demo;
pub(super) mod doctor;
pub(super) mod hook;
pub(super) mod hooks;
pub(super) mod init;
pub(super) mod log;
pub(super) mod modes;
pub(super) mod plan;
pub(super) mod queue;
pub(super) mod run;
pub(super) mod runs;
pub(super) mod status;
pub(super) mod uninstall;
pub(super) mod usage;
pub(super) mod verify;
pub(super) mod wait;
