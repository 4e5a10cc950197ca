//! Power loss: a program's writes are recorded, and at every point of them the disk is set to what may be left of it
//! when only what was fsynced is safe.

mod disk;
mod handoff;
mod intake;
mod lines;
mod recording;
mod replay;
mod toy;
