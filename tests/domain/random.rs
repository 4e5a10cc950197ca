//! Anything may be asked in any order.
