//! Tests of `src/runtime`.

mod between;
mod bounds;
mod crash;
mod damage;
mod evidence;
mod happy;
mod repair;
mod site;
mod stopping;
mod waits;
