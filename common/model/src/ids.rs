//! The names of things: jobs, users, runs, clips.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A string that is not the id it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {what}")]
pub struct IdError {
    what: &'static str,
    text: String,
}

impl IdError {
    pub(crate) fn new(what: &'static str, text: &str) -> Self {
        Self {
            what,
            text: text.chars().take(64).collect(),
        }
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID that the caller made or was given.
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }

            /// The UUID itself.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                // Only the hyphenated form: one job must not have several spellings in subjects and keys.
                match Uuid::try_parse(text) {
                    Ok(id) if text.len() == 36 => Ok(Self(id)),
                    _ => Err(IdError::new($what, text)),
                }
            }
        }
    };
}

uuid_id!(
    /// One song on its way to a video. A UUID (version 7 where we make it).
    JobId,
    "job id"
);
uuid_id!(
    /// Who owns a job: the `sub` of the token.
    UserId,
    "user id"
);

/// One pass of a job: 1 for the first; a fork or a re-render starts the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunNumber(pub u32);

impl RunNumber {
    /// The pass that an upload starts.
    pub const FIRST: Self = Self(1);
}

/// A clip's place in the film, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClipIndex(pub u32);

macro_rules! number_text {
    ($name:ident, $what:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                match text.parse() {
                    // Round trip: "+1" and "01" parse as numbers but are other subjects.
                    Ok(number) if Self(number).to_string() == text => Ok(Self(number)),
                    _ => Err(IdError::new($what, text)),
                }
            }
        }
    };
}

number_text!(RunNumber, "run number");
number_text!(ClipIndex, "clip index");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        let id = "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f";
        assert_eq!(id.parse::<JobId>().unwrap().to_string(), id);
        for other in [
            "",
            "0190c2a47b1e7c3d9e4f5a6b7c8d9e0f",
            "{0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f}",
            "1",
        ] {
            assert!(other.parse::<JobId>().is_err(), "{other:?}");
        }
    }

    #[test]
    fn numbers_with_signs_or_zeros_in_front_are_refused() {
        assert_eq!("12".parse(), Ok(ClipIndex(12)));
        for other in ["+1", "01", "-1", "", "4294967296"] {
            assert!(other.parse::<RunNumber>().is_err(), "{other:?}");
        }
    }
}
