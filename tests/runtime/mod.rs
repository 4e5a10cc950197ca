//! Tests of `src/runtime`.

mod between;
mod bounds;
mod crash;
mod damage;
mod escalation;
mod happy;
mod plan_change;
mod repair;
mod site;
mod stopping;
mod waits;
