//! Where to listen.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, bail};

use crate::terminal::Terminal;

/// The port to try where none is asked for.
const USUAL: u16 = 8000;
/// How many ports after [`USUAL`] are tried.
const REACH: u16 = 100;

/// The gateway's port, as it was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Port {
    /// This one, or an error; 0 for any free one.
    Exactly(u16),
    /// 8000, or the next that is free.
    Usual,
}

impl From<Option<u16>> for Port {
    fn from(asked: Option<u16>) -> Self {
        asked.map_or(Self::Usual, Self::Exactly)
    }
}

impl Port {
    /// A port that is free now.
    pub(super) fn choose(self, terminal: &Terminal) -> anyhow::Result<u16> {
        match self {
            Self::Exactly(0) => any_free(),
            Self::Exactly(port) if is_free(port) => Ok(port),
            Self::Exactly(port) => bail!(
                "port {port} is taken; choose another with --port, or leave --port out to get the next free one"
            ),
            Self::Usual => {
                let mut ports = USUAL..=USUAL + REACH;
                let port = ports
                    .find(|port| is_free(*port))
                    .with_context(|| format!("ports {USUAL} to {} are all taken", USUAL + REACH))?;
                if port != USUAL {
                    terminal.warn(format_args!("port {USUAL} is taken; using {port}"));
                }
                Ok(port)
            }
        }
    }
}

pub(super) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

pub(super) fn any_free() -> anyhow::Result<u16> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    Ok(listener.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_refused_when_it_was_asked_for() {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = holder.local_addr().unwrap().port();
        let terminal = Terminal::default();
        let refusal = Port::Exactly(port)
            .choose(&terminal)
            .unwrap_err()
            .to_string();
        assert!(
            refusal.contains(&format!("port {port} is taken")),
            "{refusal}"
        );
        drop(holder);
        assert_eq!(Port::Exactly(port).choose(&terminal).unwrap(), port);
        assert_ne!(Port::Exactly(0).choose(&terminal).unwrap(), 0);
    }
}
