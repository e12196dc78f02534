//! Bringing a server to the topology: create what is missing, update what may change, say what differs.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use async_nats::jetstream::consumer::{self, IntoConsumerConfig};
use async_nats::jetstream::response::Response;
use async_nats::jetstream::{Context, ErrorCode};
use serde::Deserialize;
use serde_json::Value;
use tracing::info;

use crate::{consumers, streams};

/// What was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It was missing.
    Created {
        /// `stream WORK`, `consumer composer of WORK` …
        what: String,
    },
    /// It was there, but different.
    Updated {
        /// As above.
        what: String,
        /// What differed.
        differences: Vec<Difference>,
    },
}

/// A setting that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its name on the wire.
    pub setting: String,
    /// What the server has.
    pub found: Value,
    /// What it should be.
    pub wanted: Value,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} → {}", self.setting, self.found, self.wanted)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created { what } => write!(f, "created {what}"),
            Self::Updated { what, differences } => {
                let list: Vec<_> = differences.iter().map(ToString::to_string).collect();
                write!(f, "updated {what} ({})", list.join(", "))
            }
        }
    }
}

/// Why the topology could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The server did not answer.
    #[error("no answer about {what}")]
    NoAnswer {
        /// What was asked about.
        what: String,
        /// Why.
        source: async_nats::jetstream::context::RequestError,
    },
    /// The server does not take the settings.
    #[error("the server refuses {what} as it should be ({})", shown(.differences))]
    Refused {
        /// What.
        what: String,
        /// What would have been changed; empty where it is missing altogether.
        differences: Vec<Difference>,
        /// Its words.
        source: async_nats::jetstream::Error,
    },
    /// A setting cannot be written down, or the server's answer not be read.
    #[error("the settings of {what} cannot be read or written")]
    Json {
        /// What.
        what: String,
        /// Why.
        source: serde_json::Error,
    },
}

fn shown(differences: &[Difference]) -> String {
    let list: Vec<_> = differences.iter().map(ToString::to_string).collect();
    if list.is_empty() {
        "it is missing".to_owned()
    } else {
        list.join(", ")
    }
}

/// Creates and updates streams, buckets and durables. A second run changes nothing.
pub async fn apply(jetstream: &Context) -> Result<Vec<Change>, ApplyError> {
    apply_with(jetstream, None).await
}

/// The same on a server that may have lost its store. Who was told of events by their sequence comes back
/// with the last of them: were EVENTS counted from 1 again, that number would soon be another event's, and
/// all before it would be missed. An EVENTS that is made anew counts on from the time in milliseconds,
/// which no stream of ours outruns.
pub async fn apply_again(jetstream: &Context) -> Result<Vec<Change>, ApplyError> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let first = since.ok().and_then(|time| time.as_millis().try_into().ok());
    apply_with(jetstream, first).await
}

async fn apply_with(jetstream: &Context, first: Option<u64>) -> Result<Vec<Change>, ApplyError> {
    let mut changes = Vec::new();
    for mut part in parts()? {
        if part.is_of_events() {
            part.first = first;
        }
        if let Some(change) = part.bring_about(jetstream).await? {
            info!("{change}");
            changes.push(change);
        }
    }
    Ok(changes)
}

/// One stream or consumer as it should be, and where on the server it is read and written.
struct Part {
    what: String,
    info: String,
    create: String,
    update: String,
    wanted: Value,
    /// The sequence that a stream begins with, where it is made.
    first: Option<u64>,
    /// Consumers are written inside a request, streams as themselves.
    request: fn(&Self, Action) -> Value,
}

#[derive(Clone, Copy)]
enum Action {
    Create,
    Update,
}

fn parts() -> Result<Vec<Part>, ApplyError> {
    let mut parts = Vec::new();
    for config in streams::all() {
        let (name, what) = (&config.name, format!("stream {}", config.name));
        parts.push(Part {
            info: format!("STREAM.INFO.{name}"),
            create: format!("STREAM.CREATE.{name}"),
            update: format!("STREAM.UPDATE.{name}"),
            wanted: json(&what, &config)?,
            first: None,
            request: |part, action| {
                let mut config = part.wanted.clone();
                if let (Action::Create, Some(first)) = (action, part.first)
                    && let Some(settings) = config.as_object_mut()
                {
                    settings.insert("first_seq".to_owned(), first.into());
                }
                config
            },
            what,
        });
    }
    for consumer in consumers::all() {
        let (stream, config) = (consumer.stream, consumer.config.into_consumer_config());
        let name = config.durable_name.clone().unwrap_or_default();
        let what = format!("consumer {name} of {stream}");
        let create = format!("CONSUMER.CREATE.{stream}.{name}.{}", config.filter_subject);
        parts.push(Part {
            info: format!("CONSUMER.INFO.{stream}.{name}"),
            update: create.clone(),
            create,
            wanted: json::<consumer::Config>(&what, &config)?,
            first: None,
            request: |part, action| {
                let stream = part.info.split('.').nth(2).unwrap_or_default();
                let action = match action {
                    Action::Create => "create",
                    Action::Update => "update",
                };
                serde_json::json!({"stream_name": stream, "config": part.wanted, "action": action})
            },
            what,
        });
    }
    Ok(parts)
}

fn json<T: serde::Serialize>(what: &str, config: &T) -> Result<Value, ApplyError> {
    serde_json::to_value(config).map_err(|source| ApplyError::Json {
        what: what.to_owned(),
        source,
    })
}

impl Part {
    fn is_of_events(&self) -> bool {
        self.create == format!("STREAM.CREATE.{}", streams::EVENTS)
    }

    async fn bring_about(&self, jetstream: &Context) -> Result<Option<Change>, ApplyError> {
        #[derive(Deserialize)]
        struct Info {
            config: Value,
        }
        let what = self.what.clone();
        let nothing = serde_json::json!({});
        match self.ask::<Info>(jetstream, &self.info, &nothing).await? {
            Response::Ok(found) => {
                let differences = differences(&found.config, &self.wanted);
                if differences.is_empty() {
                    return Ok(None);
                }
                self.write(jetstream, Action::Update, differences.clone())
                    .await?;
                Ok(Some(Change::Updated { what, differences }))
            }
            Response::Err { error } if is_missing(&error) => {
                self.write(jetstream, Action::Create, Vec::new()).await?;
                Ok(Some(Change::Created { what }))
            }
            Response::Err { error } => Err(ApplyError::Refused {
                what,
                differences: Vec::new(),
                source: error,
            }),
        }
    }

    async fn write(
        &self,
        jetstream: &Context,
        action: Action,
        differences: Vec<Difference>,
    ) -> Result<(), ApplyError> {
        let subject = match action {
            Action::Create => &self.create,
            Action::Update => &self.update,
        };
        let request = (self.request)(self, action);
        match self.ask::<Value>(jetstream, subject, &request).await? {
            Response::Ok(_) => Ok(()),
            Response::Err { error } => Err(ApplyError::Refused {
                what: self.what.clone(),
                differences,
                source: error,
            }),
        }
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        jetstream: &Context,
        subject: &str,
        request: &Value,
    ) -> Result<Response<T>, ApplyError> {
        jetstream
            .request(subject.to_owned(), request)
            .await
            .map_err(|source| ApplyError::NoAnswer {
                what: self.what.clone(),
                source,
            })
    }
}

fn is_missing(error: &async_nats::jetstream::Error) -> bool {
    [ErrorCode::STREAM_NOT_FOUND, ErrorCode::CONSUMER_NOT_FOUND].contains(&error.error_code())
}

/// The settings of `found` that are not as in `wanted`. What neither says, or one says by its default,
/// is no difference; nor is what the server notes for itself, or where a stream once began.
fn differences(found: &Value, wanted: &Value) -> Vec<Difference> {
    let empty = serde_json::Map::new();
    let found = found.as_object().unwrap_or(&empty);
    let wanted = wanted.as_object().unwrap_or(&empty);
    let mut settings: Vec<_> = found.keys().chain(wanted.keys()).collect();
    settings.sort_unstable();
    settings.dedup();
    settings
        .into_iter()
        .filter(|setting| !["metadata", "first_seq"].contains(&setting.as_str()))
        .filter_map(|setting| {
            let (found, wanted) = (found.get(setting), wanted.get(setting));
            let same = found == wanted || (is_default(found) && is_default(wanted));
            (!same).then(|| Difference {
                setting: setting.clone(),
                found: found.cloned().unwrap_or_default(),
                wanted: wanted.cloned().unwrap_or_default(),
            })
        })
        .collect()
}

fn is_default(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => true,
        Some(Value::Number(number)) => number.as_f64() == Some(0.0),
        Some(Value::String(text)) => text.is_empty() || text == "none",
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(fields)) => fields.values().all(|field| is_default(Some(field))),
        Some(Value::Bool(true)) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_server_fills_in_is_no_difference_and_what_someone_changed_is() {
        let wanted = json!({"max_age": 7, "ack_wait": 9, "description": null});
        let same = json!({"max_age": 7, "ack_wait": 9, "compression": "none", "sealed": false,
            "consumer_limits": {}, "metadata": {"_nats.ver": "2.15.1"}});
        assert_eq!(differences(&same, &wanted), []);

        let changed = json!({"max_age": 7, "ack_wait": 30, "inactive_threshold": 5});
        let found: Vec<_> = differences(&changed, &wanted)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found, ["ack_wait: 30 → 9", "inactive_threshold: 5 → null"]);
    }
}
