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
mod exporting;
mod going_back;
mod handing_over;
mod happy;
mod hostile;
mod inbox;
mod integrity;
mod landing;
mod left_behind;
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
