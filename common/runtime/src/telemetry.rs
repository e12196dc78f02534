//! Logs: for people on a terminal, as JSON lines elsewhere.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::Vars;

/// What is logged where `RUST_LOG` says nothing: our own from info on, others' warnings.
const DEFAULT_FILTER: &str = "info,async_nats=warn,sqlx=warn,hyper=warn";

/// Starts logging to stderr, so that stdout stays for what a command answers.
///
/// `RUST_LOG` filters; `LOG_FORMAT` is `pretty` or `json`, by default `pretty` on a terminal and `json`
/// otherwise. Notes a problem in `vars` where one of them cannot be used. Only the first call of a
/// process has an effect.
pub fn init(vars: &Vars) {
    let filter = vars.text_or("RUST_LOG", DEFAULT_FILTER);
    let filter = EnvFilter::try_new(&filter).unwrap_or_else(|error| {
        vars.note("RUST_LOG", format!("is not usable: {error}"));
        EnvFilter::new(DEFAULT_FILTER)
    });
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match format(vars) {
        Format::Pretty => builder
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .try_init(),
        Format::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
}

enum Format {
    Pretty,
    Json,
}

fn format(vars: &Vars) -> Format {
    match vars.text("LOG_FORMAT").as_deref() {
        Some("pretty") => Format::Pretty,
        Some("json") => Format::Json,
        other => {
            if other.is_some() {
                vars.note("LOG_FORMAT", "must be pretty or json");
            }
            if std::io::stderr().is_terminal() {
                Format::Pretty
            } else {
                Format::Json
            }
        }
    }
}
