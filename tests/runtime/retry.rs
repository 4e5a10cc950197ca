//! Blocked items that an operator lets go on, through the program.
