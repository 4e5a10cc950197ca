//! Tests of `src/domain`.

mod any_plan;
mod cancel;
mod control;
mod decision_table;
mod enqueue;
mod handoff;
mod ids;
mod incident;
mod infrastructure;
mod interruption;
mod launch;
mod moment;
mod named_twice;
mod place;
mod random;
mod routing;
mod runtime_error;
mod schedule;
