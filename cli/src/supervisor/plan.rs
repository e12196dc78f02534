//! Which processes there are, and what each may know: every role gets its own credentials and no others.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use model::StageKind;
use nats::ServerAddress;
use nats::server::{MAX_FILE_STORE, Password, Passwords, ServerSettings, server_conf};
use nats::users::Role;

use super::process::Process;
use super::programs::Programs;
use super::{BROKER, Settings, ports};
use crate::data::DataDir;
use crate::roles;
use crate::secrets::Secrets;

/// What of our environment every role may see.
const INHERITED: [&str; 10] = [
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "LOG_FORMAT",
    "NO_COLOR",
    "PATH",
    "RUST_BACKTRACE",
    "RUST_LOG",
    "TZ",
];
/// What of our environment the gateway may see besides: settings that `up` has no opinion about.
const GATEWAY_SETTINGS: [&str; 16] = [
    "ANONYMOUS_JOBS_PER_HOUR",
    "COST_PER_MINUTE_USD",
    "DEV_TOKENS",
    "FAILED_UPLOADS_PER_HOUR",
    "FRONTEND_URL",
    "HALF_OBJECT_GRACE_SECONDS",
    "JOBS_PER_HOUR",
    "MAX_DAILY_COST_USD",
    "MAX_JOB_COST_USD",
    "MAX_SONG_SECONDS",
    "MAX_UPLOAD_BYTES",
    "MIN_SONG_SECONDS",
    "ORPHAN_GRACE_SECONDS",
    "REFUSALS_PER_MINUTE",
    "TRUSTED_PROXIES",
    "WEBHOOK_ALLOW_PRIVATE",
];
/// What of our environment the gateway and `audio_parser` may see besides: the provider of speech.
const SPEECH_SETTINGS: [&str; 7] = [
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "SPEECH_IDEMPOTENT",
    "SPEECH_MAX_BYTES",
    "SPEECH_MODEL",
    "SPEECH_PRICE_PER_MINUTE_USD",
    "SPEECH_TIMEOUT_SECONDS",
];
/// The broker's port of the last run, so that it can be kept.
const BROKER_PORT_FILE: &str = "nats-port.json";
const BROKER_CONFIGURATION: &str = "server.conf";
/// Longer than any role takes to end by itself.
const GRACE: Duration = Duration::from_secs(roles::GRACE.as_secs() + 5);

/// Everything that has been decided before the first process starts.
pub(super) struct Plan {
    data: DataDir,
    secrets: Secrets,
    programs: Programs,
    ourselves: PathBuf,
    gateway_port: u16,
    broker_port: u16,
    workers: usize,
    copies: usize,
    jobs_per_hour: Option<u32>,
    environment: Vec<(String, String)>,
}

impl Plan {
    pub(super) fn new(
        settings: &Settings,
        secrets: Secrets,
        programs: Programs,
        gateway_port: u16,
    ) -> anyhow::Result<Self> {
        let data = settings.data.clone();
        let kept = data.read_json::<u16>(BROKER_PORT_FILE)?;
        let broker_port = match kept.filter(|port| *port != gateway_port && ports::is_free(*port)) {
            Some(port) => port,
            None => ports::any_free()?,
        };
        data.write_json(BROKER_PORT_FILE, &broker_port)?;
        Ok(Self {
            data,
            secrets,
            programs,
            ourselves: env::current_exe().context("finding our own executable")?,
            gateway_port,
            broker_port,
            workers: settings.workers,
            copies: settings.copies,
            jobs_per_hour: settings.jobs_per_hour,
            environment: settings.environment.clone(),
        })
    }

    /// How `role` reaches the broker.
    pub(super) fn address_for(&self, role: Role) -> anyhow::Result<ServerAddress> {
        Ok(ServerAddress {
            url: self.broker_url(),
            user: Some(role.user().to_owned()),
            password: Some(self.secrets.password(role)?.to_owned()),
        })
    }

    /// Writes the broker's configuration, which holds the passwords of all roles.
    pub(super) fn write_broker_configuration(&self) -> anyhow::Result<()> {
        // Asked for first, since the rendering below cannot fail.
        for role in Role::ALL {
            self.secrets.password(role)?;
        }
        let text = server_conf(&ServerSettings {
            listen: format!("127.0.0.1:{}", self.broker_port),
            monitor: None,
            store_dir: self.data.nats_store().display().to_string(),
            max_file_store: MAX_FILE_STORE,
            passwords: Passwords::of(|role| {
                Password::Literal(self.secrets.password(role).unwrap_or_default().to_owned())
            }),
        });
        let path = self.data.file(BROKER_CONFIGURATION);
        let write = || {
            let mut options = OpenOptions::new();
            let mut file = options
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&path)?;
            file.write_all(text.as_bytes())
        };
        write().with_context(|| format!("writing {}", path.display()))
    }

    /// The message broker.
    pub(super) fn broker(&self) -> Process {
        Process {
            name: BROKER.to_owned(),
            program: self.programs.nats_server.clone(),
            arguments: vec![
                "--config".to_owned(),
                self.data.file(BROKER_CONFIGURATION).display().to_string(),
            ],
            environment: Vec::new(),
            log: self.data.logs().join("nats-server.log"),
            grace: GRACE,
        }
    }

    /// The gateway and the stages.
    pub(super) fn roles(&self) -> anyhow::Result<Vec<Process>> {
        let mut roles = vec![self.gateway()?];
        for kind in StageKind::ALL {
            // The first has the name of its stage, others have a number behind it.
            for copy in 1..=self.copies {
                let stage = self.stage(kind)?;
                roles.push(match copy {
                    1 => stage,
                    copy => stage.named(&format!("{kind}-{copy}")),
                });
            }
        }
        Ok(roles)
    }

    fn gateway(&self) -> anyhow::Result<Process> {
        let mut environment = self.environment(Role::Gateway)?;
        let limit = self
            .jobs_per_hour
            .map(|jobs| ("JOBS_PER_HOUR".to_owned(), jobs.to_string()));
        environment.extend(limit);
        environment.extend(inherited(&GATEWAY_SETTINGS));
        environment.extend(inherited(&SPEECH_SETTINGS));
        environment.extend(pairs([
            ("BIND", "127.0.0.1".to_owned()),
            ("PORT", self.gateway_port.to_string()),
            (
                "PUBLIC_BASE_URL",
                format!("http://127.0.0.1:{}", self.gateway_port),
            ),
            (
                "DATABASE_URL",
                format!("sqlite://{}?mode=rwc", self.data.database().display()),
            ),
            ("SUPABASE_JWT_SECRET", self.secrets.jwt_secret.clone()),
            ("URL_SIGNING_KEY", self.secrets.url_signing_key.clone()),
        ]));
        Ok(self.role("gateway", vec!["gateway".to_owned()], environment))
    }

    fn stage(&self, kind: StageKind) -> anyhow::Result<Process> {
        let permits = if kind == StageKind::VideoGenerator {
            self.workers
        } else {
            1
        };
        let mut environment = self.environment(Role::Stage(kind))?;
        environment.extend(pairs([(
            "FFMPEG_BIN",
            self.programs.ffmpeg.display().to_string(),
        )]));
        if kind == StageKind::AudioParser {
            environment.extend(inherited(&SPEECH_SETTINGS));
        }
        let arguments = ["stage", kind.name(), "--concurrency", &permits.to_string()];
        Ok(self.role(
            kind.name(),
            arguments.map(str::to_owned).to_vec(),
            environment,
        ))
    }

    fn role(
        &self,
        name: &str,
        arguments: Vec<String>,
        environment: Vec<(String, String)>,
    ) -> Process {
        Process {
            name: name.to_owned(),
            program: self.ourselves.clone(),
            arguments,
            environment,
            log: self.data.logs().join(format!("{name}.log")),
            grace: GRACE,
        }
    }

    /// What every role needs, with the credentials of this one.
    fn environment(&self, role: Role) -> anyhow::Result<Vec<(String, String)>> {
        // Logs are files here, but people read them.
        let mut environment: Vec<_> = pairs([("LOG_FORMAT", "pretty".to_owned())]).collect();
        environment.extend(inherited(&INHERITED));
        environment.extend(self.environment.iter().cloned());
        environment.extend(pairs([
            ("NATS_URL", self.broker_url()),
            ("NATS_USER", role.user().to_owned()),
            ("NATS_PASSWORD", self.secrets.password(role)?.to_owned()),
            (
                "STORAGE_URL",
                format!("file://{}", self.data.objects().display()),
            ),
            ("SCRATCH_DIR", self.data.scratch().display().to_string()),
            ("TMPDIR", self.data.scratch().display().to_string()),
        ]));
        Ok(environment)
    }

    fn broker_url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.broker_port)
    }
}

/// Those of our own variables that are set and in `names`.
fn inherited(names: &[&str]) -> Vec<(String, String)> {
    env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| names.contains(&name.as_str()))
        .collect()
}

fn pairs<const N: usize>(pairs: [(&str, String); N]) -> impl Iterator<Item = (String, String)> {
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::Port;

    #[test]
    fn a_role_sees_its_own_credentials_and_no_others() {
        let scratch = tempfile::tempdir().unwrap();
        let data = DataDir::create(scratch.path()).unwrap();
        let secrets = Secrets::of(&data).unwrap();
        let settings = Settings {
            data,
            port: Port::Usual,
            workers: 3,
            copies: 1,
            jobs_per_hour: None,
            environment: Vec::new(),
        };
        let programs = Programs {
            nats_server: "/n".into(),
            ffmpeg: "/f".into(),
        };
        let plan = Plan::new(&settings, secrets.clone(), programs, 8000).unwrap();
        for process in plan.roles().unwrap() {
            let known = |secret: &str| process.environment.iter().any(|(_, value)| value == secret);
            for role in Role::ALL {
                let own = process.name == role.user();
                assert_eq!(
                    known(secrets.password(role).unwrap()),
                    own,
                    "{}: {role}",
                    process.name
                );
            }
            assert_eq!(known(&secrets.jwt_secret), process.name == "gateway");
            assert_eq!(known(&secrets.url_signing_key), process.name == "gateway");
            let concurrent = process.arguments.last().is_some_and(|last| last == "3");
            assert_eq!(concurrent, process.name == "video_generator");
        }
    }

    #[test]
    fn the_brokers_port_is_kept_while_it_is_free() {
        let scratch = tempfile::tempdir().unwrap();
        let data = DataDir::create(scratch.path()).unwrap();
        let plan = || {
            let secrets = Secrets::of(&data).unwrap();
            let settings = Settings {
                data: data.clone(),
                port: Port::Usual,
                workers: 1,
                copies: 1,
                jobs_per_hour: None,
                environment: Vec::new(),
            };
            let programs = Programs {
                nats_server: "/n".into(),
                ffmpeg: "/f".into(),
            };
            Plan::new(&settings, secrets, programs, 8000).unwrap()
        };
        let port = plan().broker_port;
        assert_eq!(plan().broker_port, port);
        let _holder = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
        assert_ne!(plan().broker_port, port);
    }
}
