//! Tests of `src/runtime`.

mod between;
mod bounds;
mod crash;
mod damage;
mod escalation;
mod evidence;
mod happy;
mod outbox;
mod plan_change;
mod repair;
mod site;
mod stopping;
mod waits;
