//! Connecting to the server, and refusing one that is too old.

use std::fmt;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, ServerError};
use tracing::{debug, error, info, warn};

/// The oldest server that has what we use: lives of single messages, pausing of consumers.
pub const OLDEST_SERVER: (u32, u32) = (2, 11);

/// How often the link is probed. At the client's default of a minute a dead link is noticed after
/// three; work would stand still as long.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);
const LONGEST_RECONNECT_DELAY: Duration = Duration::from_secs(2);

/// Where the server is and who we are. Its debug form hides the password.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerAddress {
    /// `nats://host:port`, or several with commas.
    pub url: String,
    /// The user; `None` for a server without users.
    pub user: Option<String>,
    /// The password.
    pub password: Option<String>,
}

impl ServerAddress {
    /// A server without users.
    pub fn open(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            user: None,
            password: None,
        }
    }

    /// The URL without what may stand before an `@`.
    fn shown(&self) -> String {
        let shown = self.url.split(',').map(|url| match url.rsplit_once('@') {
            Some((_, host)) => host.to_owned(),
            None => url.to_owned(),
        });
        shown.collect::<Vec<_>>().join(",")
    }
}

impl fmt::Debug for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerAddress")
            .field("url", &self.shown())
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "…"))
            .finish()
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The server cannot be reached, at least not now.
    #[error("no NATS server answers at {url}")]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// Why.
        source: async_nats::ConnectError,
    },
    /// The server does not want us.
    #[error("the NATS server at {url} refuses user {user:?}")]
    Refused {
        /// The server.
        url: String,
        /// Who we said we are.
        user: String,
        /// Its words.
        source: async_nats::ConnectError,
    },
    /// The server lacks what we use.
    #[error(
        "the NATS server at {url} is version {found}, but Beatreel needs {}.{} or newer",
        OLDEST_SERVER.0,
        OLDEST_SERVER.1
    )]
    TooOld {
        /// The server.
        url: String,
        /// Its version.
        found: String,
    },
}

impl ConnectError {
    /// True when trying again later may help.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

/// Connects once. The connection then heals itself for as long as it is held.
pub async fn connect(address: &ServerAddress, name: &str) -> Result<Client, ConnectError> {
    let mut options = ConnectOptions::new()
        .name(name)
        .ping_interval(PING_INTERVAL)
        .connection_timeout(CONNECTION_TIMEOUT)
        .reconnect_delay_callback(reconnect_delay)
        .event_callback(log_event);
    if let (Some(user), Some(password)) = (&address.user, &address.password) {
        options = options.user_and_password(user.clone(), password.clone());
    }
    if let Some(user) = &address.user {
        // Replies to one role are no business of another.
        options = options.custom_inbox_prefix(crate::users::inbox_prefix(user));
    }
    let client = options
        .connect(&address.url)
        .await
        .map_err(|source| refusal_or_absence(address, source))?;
    let found = client.server_info().version;
    if is_new_enough(&found) {
        Ok(client)
    } else {
        Err(ConnectError::TooOld {
            url: address.shown(),
            found,
        })
    }
}

fn refusal_or_absence(address: &ServerAddress, source: async_nats::ConnectError) -> ConnectError {
    use async_nats::ConnectErrorKind::{Authentication, AuthorizationViolation, ServerParse, Tls};
    let url = address.shown();
    match source.kind() {
        Authentication | AuthorizationViolation | ServerParse | Tls => ConnectError::Refused {
            url,
            user: address.user.clone().unwrap_or_default(),
            source,
        },
        _ => ConnectError::Unreachable { url, source },
    }
}

/// Whether a version such as `2.11.4-beta.1` is at least [`OLDEST_SERVER`].
pub fn is_new_enough(version: &str) -> bool {
    let mut parts = version.split(['.', '-']).map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= OLDEST_SERVER,
        _ => false,
    }
}

/// At once at first, since most breaks are restarts; then doubling.
fn reconnect_delay(attempt: usize) -> Duration {
    let doubled = 1u32 << attempt.saturating_sub(1).min(6);
    if attempt == 0 {
        Duration::ZERO
    } else {
        (Duration::from_millis(50) * doubled).min(LONGEST_RECONNECT_DELAY)
    }
}

async fn log_event(event: Event) {
    match event {
        Event::Connected => info!("connected to NATS"),
        Event::Disconnected => warn!("lost the connection to NATS; connecting again"),
        // Seen nowhere else: the call itself only times out.
        Event::ServerError(ServerError::Other(text)) if text.contains("ermissions Violation") => {
            error!(%text, "this user may not do what was tried");
        }
        Event::ServerError(_) | Event::ClientError(_) | Event::SlowConsumer(_) => {
            warn!(%event, "trouble with NATS");
        }
        Event::LameDuckMode | Event::Draining | Event::Closed => debug!(%event, "NATS"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_older_than_2_11_are_too_old() {
        for new in ["2.11.0", "2.15.1", "3.0.0", "2.11.0-RC.2"] {
            assert!(is_new_enough(new), "{new}");
        }
        for old in ["2.10.27", "2.9.10", "1.99.0", "", "dev", "2"] {
            assert!(!is_new_enough(old), "{old}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let address = ServerAddress {
            url: "nats://eve:hunter2@localhost:4222".to_owned(),
            user: Some("gateway".to_owned()),
            password: Some("hunter3".to_owned()),
        };
        let shown = format!("{address:?}");
        assert!(!shown.contains("hunter"), "{shown}");
        assert!(
            shown.contains("gateway") && shown.contains("localhost:4222"),
            "{shown}"
        );
    }

    #[test]
    fn reconnecting_starts_at_once_and_never_waits_longer_than_two_seconds() {
        assert_eq!(reconnect_delay(0), Duration::ZERO);
        assert_eq!(reconnect_delay(1), Duration::from_millis(50));
        assert_eq!(reconnect_delay(usize::MAX), LONGEST_RECONNECT_DELAY);
    }
}
