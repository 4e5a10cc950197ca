//! The driver: it carries out what the pure core decides. Time, randomness, processes and files live here.

pub mod adopt;
pub mod approval;
pub mod bell;
pub mod config_file;
pub mod daemon;
pub mod daemon_lock;
pub mod evidence;
pub mod inbox;
pub mod intake;
pub mod live;
pub mod logs;
pub mod outbox;
