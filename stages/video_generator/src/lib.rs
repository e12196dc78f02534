//! Module 7: renders one clip a task, to the house format, at an exact frame count.
