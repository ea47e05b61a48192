//! What a module says, from its text.
