//! Options that are one of a few names: the name on the wire, in rows and on the command line is the same.

/// A text that is none of the names that are accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is no {what}; one of {accepted} is accepted")]
pub struct ChoiceError {
    what: &'static str,
    given: String,
    accepted: String,
}

impl ChoiceError {
    /// `given` is not among `accepted`, each of which is a `what`.
    pub(crate) fn new(what: &'static str, given: &str, accepted: &[&str]) -> Self {
        Self {
            what,
            given: given.chars().take(64).collect(),
            accepted: accepted.join(", "),
        }
    }
}

/// Gives an enum its names: `ALL`, `name`, `Display`, `FromStr`, and both ways for serde.
macro_rules! choices {
    ($type:ident, $what:literal, [$($variant:ident = $name:literal),+ $(,)?]) => {
        impl $type {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name as written everywhere.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::choice::ChoiceError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($name => Ok(Self::$variant),)+
                    _ => Err($crate::choice::ChoiceError::new($what, text, &[$($name),+])),
                }
            }
        }

        impl TryFrom<String> for $type {
            type Error = $crate::choice::ChoiceError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(choice: $type) -> Self {
                choice.name().to_owned()
            }
        }
    };
}

pub(crate) use choices;
