//! Tests of `src/runtime`, through the program.

mod site;

mod happy;
