//! Module 4: directs the film from the prompt and what was heard.
