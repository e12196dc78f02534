//! `server.conf`, rendered from the same data as everything else.

use std::fmt::Write;

use crate::users::{Permissions, Role};

/// How a server of ours is to run.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// `host:port`; loopback unless something else protects the port.
    pub listen: String,
    /// `host:port` of the monitoring pages (`/healthz`, `/jsz`, `/varz`), if wanted.
    pub monitor: Option<String>,
    /// The folder of the streams' files.
    pub store_dir: String,
    /// What all streams together may take on disk, in bytes.
    pub max_file_store: u64,
    /// The password of each role.
    pub passwords: Passwords,
}

/// What all our streams reserve, with some room.
pub const MAX_FILE_STORE: u64 = 4 * 1024 * 1024 * 1024;

/// The greatest message: documents travel by key, so this is far above what we send.
const MAX_PAYLOAD: u64 = 1024 * 1024;

/// A password for each role.
#[derive(Clone)]
pub struct Passwords(Vec<(Role, Password)>);

/// How a password stands in the file.
#[derive(Clone)]
pub enum Password {
    /// As itself.
    Literal(String),
    /// By the name of an environment variable. Its value must not look like a number, or the server
    /// takes it for one.
    Variable(String),
}

impl Passwords {
    /// What `password` says for each role.
    pub fn of(mut password: impl FnMut(Role) -> Password) -> Self {
        Self(
            Role::ALL
                .into_iter()
                .map(|role| (role, password(role)))
                .collect(),
        )
    }

    /// `$NATS_ADMIN_PASSWORD`, `$NATS_AUDIO_PARSER_PASSWORD` …
    pub fn from_environment() -> Self {
        Self::of(|role| Password::Variable(password_variable(role)))
    }
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passwords(…)")
    }
}

/// The environment variable that holds a role's password, for the server.
pub fn password_variable(role: Role) -> String {
    format!("NATS_{}_PASSWORD", role.user().to_uppercase())
}

impl ServerSettings {
    /// For a container: every interface of it, its files under `/data`, passwords from its environment.
    pub fn container() -> Self {
        Self {
            listen: "0.0.0.0:4222".to_owned(),
            monitor: Some("0.0.0.0:8222".to_owned()),
            store_dir: "/data".to_owned(),
            max_file_store: MAX_FILE_STORE,
            passwords: Passwords::from_environment(),
        }
    }
}

/// The configuration file of the server.
///
/// Every write is synced before it is acknowledged: at our rates that costs little, and it is what
/// keeps acknowledged work through a power cut.
pub fn server_conf(settings: &ServerSettings) -> String {
    let monitor = settings
        .monitor
        .as_ref()
        .map(|address| format!("http: {}\n", quoted(address)))
        .unwrap_or_default();
    let head = format!(
        "# Rendered from the topology by `nats::server::server_conf`; change that, not this.\n\
         server_name: beatreel\n\
         listen: {listen}\n\
         {monitor}\
         max_payload: {MAX_PAYLOAD}\n\
         \n\
         jetstream {{\n  \
           store_dir: {store_dir}\n  \
           max_memory_store: 64MB\n  \
           max_file_store: {max_file_store}\n  \
           sync_interval: always\n\
         }}\n\
         \n\
         authorization {{\n  \
           users: [\n",
        listen = quoted(&settings.listen),
        store_dir = quoted(&settings.store_dir),
        max_file_store = settings.max_file_store,
    );
    let users = settings.passwords.0.iter();
    let users: String = users
        .map(|(role, password)| user(*role, password))
        .collect();
    format!("{head}{users}  ]\n}}\n")
}

fn user(role: Role, password: &Password) -> String {
    let Permissions { publish, subscribe } = role.permissions();
    let password = match password {
        Password::Literal(text) => quoted(text),
        Password::Variable(name) => format!("${name}"),
    };
    format!(
        "    {{\n      \
           user: {role}\n      \
           password: {password}\n      \
           permissions: {{\n        \
             publish: [\n{}        ]\n        \
             subscribe: [\n{}        ]\n      \
           }}\n    }}\n",
        list(&publish),
        list(&subscribe),
    )
}

fn list(subjects: &[String]) -> String {
    subjects.iter().fold(String::new(), |mut lines, subject| {
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "          {}", quoted(subject));
        lines
    })
}

fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_file_is_what_the_code_renders() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/server.conf");
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        let rendered = server_conf(&ServerSettings::container());
        if committed != rendered {
            // The next run finds it equal; the commit shows what changed.
            std::fs::write(path, rendered).unwrap();
            panic!("nats/server.conf was stale and has been rendered anew: look at it, commit it");
        }
    }

    #[test]
    fn a_text_cannot_leave_its_quotes() {
        assert_eq!(quoted(r#"a"b\c"#), r#""a\"b\\c""#);
    }
}
