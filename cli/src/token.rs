//! `beatreel token`: a token for the API, as the page and scripts need one.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use model::UserId;
use runtime::config::Vars;
use secrecy::{ExposeSecret, SecretString};

use crate::address;
use crate::data::{self, DataDir};
use crate::secrets::Secrets;

/// Print a token for the API.
///
/// Signed with the secret of the data directory that is named, or of the `up` or `demo` that runs here, or
/// with `SUPABASE_JWT_SECRET`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  curl -H \"Authorization: Bearer $(beatreel token)\" http://127.0.0.1:8000/api/v1/jobs
  beatreel token --user 0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f --ttl 10m")]
pub(crate) struct Args {
    /// The data directory of `beatreel up` [default: that of a running `up` or `demo`, then data].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Who the token speaks for [default: the user that the page of `up` acts for].
    #[arg(long, value_name = "UUID")]
    user: Option<UserId>,
    /// How long it is good: a number with s, m, h or d.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
    ttl: Duration,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let data = match &args.data {
        Some(named) => Some(existing(named)?),
        None => address::running(None)?.map(|(data, _)| data),
    };
    let (secret, usual_user) = secret(data, Vars::from_env().text("SUPABASE_JWT_SECRET"))?;
    let user = args
        .user
        .or(usual_user)
        .context("whose token? Name a user with --user")?;
    let token = gateway::mint_token(&secret, user, args.ttl).context("signing the token")?;
    println!("{}", token.expose_secret());
    Ok(ExitCode::SUCCESS)
}

/// That of `data`, which is named or in use, then that of the environment, then that of the usual place.
fn secret(
    data: Option<DataDir>,
    variable: Option<String>,
) -> anyhow::Result<(SecretString, Option<UserId>)> {
    let data = match (data, variable) {
        (Some(data), _) => data,
        (None, Some(secret)) => return Ok((secret.into(), None)),
        (None, None) => existing(Path::new(data::DEFAULT))?,
    };
    let secrets = Secrets::of(&data)?;
    Ok((secrets.jwt_secret.into(), Some(secrets.user)))
}

fn existing(path: &Path) -> anyhow::Result<DataDir> {
    let Some(data) = DataDir::existing(path) else {
        bail!(
            "{} is no data directory of Beatreel; name one with --data, or set SUPABASE_JWT_SECRET",
            path.display()
        );
    };
    Ok(data)
}

/// `90s`, `15m`, `2h`, `7d`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a time such as 90s, 15m, 2h or 7d");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = text.trim_end_matches(unit).parse().map_err(|_| wrong())?;
    match number.checked_mul(seconds) {
        Some(total @ 1..=31_536_000) => Ok(Duration::from_secs(total)),
        _ => Err(format!("{text:?} is not between 1s and 365d")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_named_or_in_use_counts_more_than_the_environment() {
        let scratch = tempfile::tempdir().unwrap();
        let data = DataDir::create(scratch.path()).unwrap();
        let secrets = Secrets::of(&data).unwrap();
        let variable = || Some("the environment's".to_owned());
        let (secret_of_data, user) = secret(Some(data), variable()).unwrap();
        assert_eq!(secret_of_data.expose_secret(), secrets.jwt_secret);
        assert_eq!(user, Some(secrets.user));
        let (secret_of_environment, user) = secret(None, variable()).unwrap();
        assert_eq!(secret_of_environment.expose_secret(), "the environment's");
        assert_eq!(user, None);
    }

    #[test]
    fn a_time_is_a_number_with_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2h"), Ok(Duration::from_hours(2)));
        for wrong in [
            "",
            "h",
            "2",
            "-1h",
            "1.5h",
            "2 h",
            "0s",
            "366d",
            "2é",
            "99999999999999999999d",
        ] {
            assert!(duration(wrong).is_err(), "{wrong:?}");
        }
    }
}
