//! Tests of `src/runtime`.

mod acceptance;
mod asking;
mod between;
mod bounds;
mod budget;
mod crash;
mod damage;
mod environment;
mod escalation;
mod evidence;
mod going_back;
mod exporting;
mod handing_over;
mod happy;
mod hostile;
mod inbox;
mod landing;
mod integrity;
mod outbox;
mod outside;
mod plan_change;
mod posture;
mod recovering;
mod redaction;
mod repair;
mod retry;
mod roots;
mod run_branch;

mod signing;
mod site;
mod stopping;
mod waits;
