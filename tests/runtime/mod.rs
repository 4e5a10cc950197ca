//! Tests of `src/runtime`.

mod crash;
mod happy;
mod repair;
mod site;
mod stopping;
