//! Transitions: what is asked ([`input`]), what is decided ([`decide`]), what that changes ([`apply`]).

pub mod apply;
pub mod decide;
pub mod decision;
pub mod input;
pub mod record;
pub mod refusal;
