//! Tests of `src/runtime`.

mod happy;
mod repair;
mod site;
