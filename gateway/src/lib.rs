//! REST and SSE in front of the pipeline; the only crate that knows SQL.
