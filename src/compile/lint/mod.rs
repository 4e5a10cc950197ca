//! The lint: whether the texts that stages work by agree with their stages, and leave to the runtime what is the
//! runtime's. Pure: texts in, findings out.
//!
//! An agent acts on these words, so they are checked like code. How much is asked of a text depends on whose it is:
//!
//! | rule | shipped | in the place of a shipped one | the operator's own |
//! |---|---|---|---|
//! | it can be read: UTF-8, no secret, not empty | structural | structural | structural |
//! | entrypoint: its stage's own skill is there and referred to | structural | structural | structural |
//! | entrypoint: every legal result is named, and no other listed or shown as a marker | compatibility | compatibility | compatibility |
//! | entrypoint: a result of another stage in its prose | policy | policy | policy |
//! | entrypoint: every evidence file is named, with the results that want it | policy | policy | policy |
//! | entrypoint: the sections of the house | structural | policy | policy |
//! | skill: front matter that says something wrong | structural | structural | structural |
//! | skill: front matter that is left out | structural | structural | policy |
//! | skill: its stage, its name and its kind are those of the stage that it is the core of | compatibility | compatibility | |
//! | skill: the seven forbidden claims; no results, no contract of its own | policy | policy | policy |
//! | skill: the sections of the house | structural | | |
//! | no claim to what the runtime owns | policy | policy | policy |
//! | no file of a runtime that keeps its state in files | compatibility | compatibility | compatibility |
//! | no report that nobody writes | policy | policy | policy |
//! | some stage works by it | | policy | policy |
//! | the form of the house: line ends, widths, lengths, ASCII, no absolute path | structural | | |
//! | a length that an agent can read at every launch | | policy | policy |
//! | the index lists every shipped skill and nothing else | structural | structural | |
//!
//! The levels are those of the contract: structural, it cannot do what it is for; compatibility, it contradicts its
//! stage or this runtime; policy, it will probably not do what its writer wants. An operator's text may look as its
//! writer likes, so the form of the house is no error there; the prompt and the plan still say what counts.

mod claims;
mod entrypoint;
mod finding;
mod house;
mod index;
mod markdown;
mod skill;
mod survey;

pub use finding::{Finding, Level};
pub use survey::{Linted, lint, lint_as_shipped};
