//! What is sung: laid on the song's clock here, read as people write it in [`model::lyrics::text`].

pub mod timing;
