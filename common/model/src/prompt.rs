//! What the user asked for.

use serde::{Deserialize, Serialize};

/// The user's sentence: 50 to 500 characters once trimmed (Unicode scalar values), without NUL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserPrompt(String);

/// Why a text is no prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UserPromptError {
    /// Too short or too long.
    #[error(
        "the prompt has {chars} characters; {} to {} are accepted",
        UserPrompt::SHORTEST,
        UserPrompt::LONGEST
    )]
    Length {
        /// Its length once trimmed, in Unicode scalar values.
        chars: usize,
    },
    /// A NUL, which databases and C programs cannot hold.
    #[error("the prompt holds a NUL character")]
    Nul,
}

impl UserPrompt {
    /// The least number of characters.
    pub const SHORTEST: usize = 50;
    /// The greatest number of characters.
    pub const LONGEST: usize = 500;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UserPrompt {
    type Error = UserPromptError;

    fn try_from(text: String) -> Result<Self, UserPromptError> {
        let text = text.trim();
        if text.contains('\0') {
            return Err(UserPromptError::Nul);
        }
        match text.chars().count() {
            Self::SHORTEST..=Self::LONGEST => Ok(Self(text.to_owned())),
            chars => Err(UserPromptError::Length { chars }),
        }
    }
}

impl From<UserPrompt> for String {
    fn from(prompt: UserPrompt) -> Self {
        prompt.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_count_characters_after_trimming() {
        let check = |text: String, accepted| {
            assert_eq!(
                UserPrompt::try_from(text.clone()).is_ok(),
                accepted,
                "{} chars",
                text.chars().count()
            );
        };
        check("é".repeat(49), false);
        check("é".repeat(50), true);
        check("é".repeat(500), true);
        check("é".repeat(501), false);
        check(format!("   {}   ", "é".repeat(49)), false);
        check(format!("   {}\n", "é".repeat(500)), true);
        check(format!("{}\0", "é".repeat(60)), false);
    }
}
