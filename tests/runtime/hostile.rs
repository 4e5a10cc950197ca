//! A harness that does what no harness should (`fixtures/hostile/harness.sh`), through the whole program: it is judged
//! for what it is, the user's repository is whole, nothing of it lives, and the runtime stays small.

mod ends;
mod repository;
mod says;
mod stage;
