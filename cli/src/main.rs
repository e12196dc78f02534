//! The one binary: every role, and every verb a person types.

fn main() {}
