//! `git millrace ...`: the same program under the name git looks for.
fn main() {}
