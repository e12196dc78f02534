//! Passwords and keys: made once a data directory, kept between runs, given to each role one by one.

use std::collections::BTreeMap;

use anyhow::Context;
use model::UserId;
use nats::users::Role;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::data::DataDir;

const FILE: &str = "secrets.json";

/// What only this machine knows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Secrets {
    /// By the name of the NATS user.
    nats_passwords: BTreeMap<String, String>,
    /// Signs the tokens of users.
    pub(crate) jwt_secret: String,
    /// Signs download links.
    pub(crate) url_signing_key: String,
    /// The user that the page and the command line act for.
    pub(crate) user: UserId,
}

impl Secrets {
    /// Those of `data`; made on first use.
    pub(crate) fn of(data: &DataDir) -> anyhow::Result<Self> {
        if let Some(secrets) = data.read_json(FILE)? {
            return Ok(secrets);
        }
        let secrets = Self::random();
        data.write_json(FILE, &secrets)
            .context("keeping the secrets")?;
        Ok(secrets)
    }

    fn random() -> Self {
        let passwords = Role::ALL
            .iter()
            .map(|role| (role.user().to_owned(), random_text()));
        Self {
            nats_passwords: passwords.collect(),
            jwt_secret: random_text(),
            url_signing_key: random_text(),
            user: UserId::new(Uuid::new_v4()),
        }
    }

    /// The NATS password of `role`.
    pub(crate) fn password(&self, role: Role) -> anyhow::Result<&str> {
        let password = self.nats_passwords.get(role.user()).map(String::as_str);
        password.with_context(|| {
            format!("{FILE} has no password for {role}; remove the file, and new ones are made")
        })
    }
}

/// 64 hex digits with 244 random bits of the operating system.
fn random_text() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_made_once_and_differ_from_role_to_role() {
        let scratch = tempfile::tempdir().unwrap();
        let data = DataDir::create(scratch.path()).unwrap();
        let secrets = Secrets::of(&data).unwrap();
        assert!(Secrets::of(&data).unwrap() == secrets);
        let mut all: Vec<_> = Role::ALL
            .iter()
            .map(|role| secrets.password(*role).unwrap())
            .collect();
        all.extend([secrets.jwt_secret.as_str(), &secrets.url_signing_key]);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), Role::ALL.len() + 2);
        assert!(all.iter().all(|text| text.len() == 64));
    }
}
