//! One worker loop for six stages: claim, renew, settle, hand over.
