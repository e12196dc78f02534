//! The handlers, one endpoint family a file.

pub(crate) mod cancel;
pub(crate) mod dev_token;
pub(crate) mod docs;
pub(crate) mod download;
pub(crate) mod files;
pub(crate) mod films;
pub(crate) mod fork;
pub(crate) mod health;
pub(crate) mod jobs;
pub(crate) mod metrics;
pub(crate) mod page;
pub(crate) mod quotes;
pub(crate) mod stream_ticket;
pub(crate) mod upload;
pub(crate) mod versions;
pub(crate) mod webhooks;
