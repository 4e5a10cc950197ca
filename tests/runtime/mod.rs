//! Tests of `src/runtime`, through the program.

mod site;

mod bounds;
mod crash;
mod happy;
mod repair;
mod stopping;
mod waits;
