//! The JetStream topology as typed data: streams, subjects, consumers, buckets, users.
