//! Configuration: read once, in `main`, from a lookup that tests fill with a map.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use nats::ServerAddress;

/// The variables of a process. Getters note what is wrong and go on, so that all mistakes are told at
/// once: read everything, then call [`Vars::check`].
#[derive(Clone)]
pub struct Vars {
    lookup: Arc<Lookup>,
    problems: Arc<Mutex<Vec<Problem>>>,
}

type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

impl fmt::Debug for Vars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values can be secrets.
        f.write_str("Vars(…)")
    }
}

/// One variable that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its name.
    pub variable: String,
    /// What is wrong with it; never its value where that may be a secret.
    pub problem: String,
}

/// Everything that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", listed(.problems))]
pub struct ConfigError {
    /// One or more.
    pub problems: Vec<Problem>,
}

fn listed(problems: &[Problem]) -> String {
    let lines = problems
        .iter()
        .map(|Problem { variable, problem }| format!("{variable} {problem}"));
    lines.collect::<Vec<_>>().join("; ")
}

impl Vars {
    /// The environment of this process.
    pub fn from_env() -> Self {
        Self::of(environment)
    }

    /// These and no others.
    pub fn from_map(map: HashMap<String, String>) -> Self {
        Self::of(move |name| map.get(name).cloned())
    }

    /// Short for [`Self::from_map`] with a list of pairs.
    pub fn from_pairs<const N: usize>(pairs: [(&str, &str); N]) -> Self {
        let owned = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self::from_map(owned.into())
    }

    fn of(lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self {
            lookup: Arc::new(lookup),
            problems: Arc::default(),
        }
    }

    /// The value as it is, if it is set and not empty. `NAME_FILE` may name a file that holds it instead,
    /// for secrets in containers; one that cannot be read is noted.
    pub fn text(&self, name: &str) -> Option<String> {
        let given = |name: &str| (self.lookup)(name).filter(|value| !value.is_empty());
        given(name).or_else(|| {
            let variable = format!("{name}_FILE");
            match std::fs::read_to_string(given(&variable)?) {
                Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
                Err(error) => {
                    self.note(
                        &variable,
                        format!("names a file that cannot be read: {error}"),
                    );
                    None
                }
            }
        })
    }

    /// The value as it is, or `default`.
    pub fn text_or(&self, name: &str, default: &str) -> String {
        self.text(name).unwrap_or_else(|| default.to_owned())
    }

    /// A value that must be there. Where it is not, the problem is noted and the text is empty.
    pub fn required(&self, name: &str) -> String {
        self.text(name).unwrap_or_else(|| {
            self.note(name, "is not set");
            String::new()
        })
    }

    /// The value as a `T`. Where it is none, the problem is noted with what `T` says about it.
    pub fn parsed<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Option<T> {
        let value = self.text(name)?;
        match value.parse() {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.note(name, format!("is not usable: {error}"));
                None
            }
        }
    }

    /// The value as a `T`, or `default`.
    pub fn parsed_or<T: FromStr<Err: fmt::Display>>(&self, name: &str, default: T) -> T {
        self.parsed(name).unwrap_or(default)
    }

    /// Notes a problem that the caller found.
    pub fn note(&self, name: &str, problem: impl Into<String>) {
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        let problem = Problem {
            variable: name.to_owned(),
            problem: problem.into(),
        };
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    /// Gives `value`, unless anything was noted so far: then all of it.
    pub fn check<T>(&self, value: T) -> Result<T, ConfigError> {
        let problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        if problems.is_empty() {
            Ok(value)
        } else {
            Err(ConfigError {
                problems: problems.clone(),
            })
        }
    }

    /// `NATS_URL` (`nats://127.0.0.1:4222`), `NATS_USER`, `NATS_PASSWORD`.
    pub fn nats(&self) -> ServerAddress {
        let address = ServerAddress {
            url: self.text_or("NATS_URL", "nats://127.0.0.1:4222"),
            user: self.text("NATS_USER"),
            password: self.text("NATS_PASSWORD"),
        };
        if address.user.is_some() && address.password.is_none() {
            self.note("NATS_PASSWORD", "is not set, but NATS_USER is");
        }
        address
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the environment"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let vars = Vars::from_pairs([("CONCURRENCY", "many"), ("NATS_USER", "gateway")]);
        vars.parsed_or("CONCURRENCY", 1u32);
        vars.nats();
        vars.required("STORAGE_URL");
        let error = vars.check(()).unwrap_err();
        insta::assert_snapshot!(
            error,
            @"CONCURRENCY is not usable: invalid digit found in string; NATS_PASSWORD is not set, but NATS_USER is; STORAGE_URL is not set"
        );
    }

    #[test]
    fn a_value_may_come_from_a_file_and_a_file_that_is_not_there_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "s3cret\n").unwrap();
        let path = file.to_str().unwrap();
        let vars = Vars::from_pairs([
            ("KEY", ""),
            ("KEY_FILE", path),
            ("TOKEN_FILE", "/nowhere/at/all"),
        ]);

        assert_eq!(vars.text("KEY").as_deref(), Some("s3cret"));
        assert_eq!(vars.text("TOKEN"), None);
        let error = vars.check(()).unwrap_err().to_string();
        assert!(
            error.starts_with("TOKEN_FILE names a file that cannot be read"),
            "{error}"
        );
    }

    #[test]
    fn an_empty_value_is_no_value() {
        let vars = Vars::from_pairs([("NATS_URL", "")]);
        assert_eq!(vars.nats().url, "nats://127.0.0.1:4222");
        assert_eq!(vars.check(7), Ok(7));
    }
}
