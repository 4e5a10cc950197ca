//! The driver: it carries out what the pure core decides. Time, randomness, processes and files live here.

pub mod adopt;
pub mod approval;
pub mod bell;
pub mod config_file;
pub mod continuity;
pub mod daemon;
pub mod daemon_lock;
pub mod evidence;
pub mod inbox;
pub mod intake;
pub mod live;
pub mod logs;
pub mod outbox;
pub mod outside;
pub mod plans;
pub mod project;
pub mod prompt;
pub mod repair;
pub mod resume;
pub mod runner;
pub mod snapshots;
pub mod source;
pub mod stage;
pub mod stop;
pub mod tick;
pub mod tree;
