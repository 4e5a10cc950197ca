//! Tests of `src/runtime`.

mod between;
mod crash;
mod happy;
mod repair;
mod site;
mod stopping;
