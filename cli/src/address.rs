//! Which gateway a verb speaks to: named, from the environment, or the one that runs on this machine.

use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::client::Api;
use crate::data::{self, DataDir};
use crate::supervisor::{Running, STATE_FILE};

/// The gateway, and who we are to it.
#[derive(Debug, clap::Args)]
pub(crate) struct Address {
    /// The gateway's address [default: that of a running `beatreel up` or `beatreel demo`].
    #[arg(long, value_name = "URL", env = "BEATREEL_BASE_URL")]
    base: Option<String>,
    /// The token to send [default: that of the running `up` or `demo`].
    #[arg(
        long,
        value_name = "TOKEN",
        env = "BEATREEL_TOKEN",
        hide_env_values = true
    )]
    token: Option<String>,
    /// The data directory of the `up` to speak to [default: data].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Address {
    /// A client for it.
    pub(crate) fn api(&self) -> anyhow::Result<Api> {
        let running = running(self.data.as_deref())?.map(|(_, running)| running);
        // A token of one gateway is of no use at another.
        let own_token = || {
            running.as_ref().filter(|r| {
                self.base
                    .as_ref()
                    .is_none_or(|b| b.trim_end_matches('/') == r.base_url)
            })
        };
        let base = self
            .base
            .as_ref()
            .or(running.as_ref().map(|running| &running.base_url));
        let token = self
            .token
            .as_ref()
            .or_else(|| own_token().map(|running| &running.token));
        match (base, token) {
            (Some(base), Some(token)) => Api::new(base, token),
            (Some(_), None) => {
                bail!("a token is needed: --token or BEATREEL_TOKEN; `beatreel token` makes one")
            }
            (None, _) => bail!(
                "no Beatreel runs here; start one with `beatreel up`, or name a gateway with --base and --token"
            ),
        }
    }
}

/// What runs on the directory `named`, or else on one of the usual two.
pub(crate) fn running(named: Option<&Path>) -> anyhow::Result<Option<(DataDir, Running)>> {
    match named {
        Some(place) => running_on(&[place]),
        None => running_on(&[
            Path::new(data::DEFAULT),
            &Path::new(data::DEFAULT).join("demo"),
        ]),
    }
}

fn running_on(places: &[&Path]) -> anyhow::Result<Option<(DataDir, Running)>> {
    for data in places.iter().filter_map(|place| DataDir::existing(place)) {
        // The file of one that was killed is still there; the lock is not.
        if data.is_in_use()
            && let Some(running) = data.read_json(STATE_FILE)?
        {
            return Ok(Some((data, running)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::secrets::Secrets;

    #[test]
    fn what_runs_is_found_wherever_it_runs_and_only_while_it_does() {
        let scratch = tempfile::tempdir().unwrap();
        let [idle, demo] = ["data", "data/demo"].map(|place| {
            let data = DataDir::create(&scratch.path().join(place)).unwrap();
            Secrets::of(&data).unwrap();
            let running = Running {
                base_url: format!("http://{place}"),
                page: String::new(),
                token: String::new(),
                pid: 1,
                processes: BTreeMap::new(),
            };
            data.write_json(STATE_FILE, &running).unwrap();
            data
        });
        let places = [idle.root(), demo.root()];
        let lock = demo.lock().unwrap();
        let (data, running) = running_on(&places).unwrap().unwrap();
        assert_eq!(data.root(), demo.root());
        assert_eq!(running.base_url, "http://data/demo");
        drop(lock);
        assert!(running_on(&places).unwrap().is_none());
    }
}
