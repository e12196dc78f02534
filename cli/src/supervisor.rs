//! Everything on one machine: nats-server, the gateway and the stages as child processes, kept running.
//!
//! `plan` says which processes with which environment, `process` keeps one of them alive, `ports`
//! chooses where they listen; here they are brought up in order, watched, and drained in order.

mod plan;
mod ports;
mod process;
mod programs;
mod watchdog;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use console::style;
use nats::ServerAddress;
use nats::users::Role;
use rustix::process::{Pid, Signal};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::client::Api;
use crate::data::{self, DataDir, Lock};
use crate::secrets::Secrets;
use crate::signals::Signals;
use crate::terminal::Terminal;
use plan::Plan;
use process::{News, Process};
use programs::Programs;

pub(crate) use ports::Port;
pub(crate) use programs::find as find_program;

/// How long the whole may take to be ready; a cold machine needs two seconds.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// How often a process may end before everything is ready.
const MOST_FALSE_STARTS: u32 = 4;
/// How long tokens for the page are good.
const TOKEN_LIFE: Duration = Duration::from_hours(7 * 24);
/// What is said when a signal comes before that.
const STOPPED: &str = "stopped before everything was ready";
/// What the broker is called.
pub(crate) const BROKER: &str = "nats-server";
/// The wait after a failure to apply the topology again.
const APPLY_AGAIN: Duration = Duration::from_secs(1);
/// Name of the file that says what runs.
pub(crate) const STATE_FILE: &str = "up.json";

/// What is to be run.
pub(crate) struct Settings {
    /// Where everything is kept.
    pub(crate) data: DataDir,
    /// Where the gateway listens.
    pub(crate) port: Port,
    /// How many clips are made at the same time.
    pub(crate) workers: usize,
    /// How many processes each stage has; with none, jobs wait.
    pub(crate) copies: usize,
    /// How many jobs a user may start an hour, where it is not the gateway's usual number.
    pub(crate) jobs_per_hour: Option<u32>,
    /// More of the environment of every role but the broker.
    pub(crate) environment: Vec<(String, String)>,
}

/// What others need to know of a running Beatreel: the state file, and what `up --json` prints of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Running {
    /// The gateway's address.
    pub(crate) base_url: String,
    /// The page's address, with the token.
    pub(crate) page: String,
    /// A token for the API.
    pub(crate) token: String,
    /// The supervisor's process id.
    pub(crate) pid: u32,
    /// The process id of each child by name.
    pub(crate) processes: BTreeMap<String, u32>,
}

/// A Beatreel that is ready.
pub(crate) struct Supervisor {
    pub(crate) running: Running,
    /// The way to the broker for whoever may do everything there.
    pub(crate) admin: ServerAddress,
    data: DataDir,
    terminal: Terminal,
    children: Children,
    /// Applying it again, to a broker that was started again.
    applying: JoinSet<()>,
    _lock: Lock,
}

/// The signals by which children are asked to end.
struct Children {
    roles: JoinSet<()>,
    broker: JoinSet<()>,
    sender: mpsc::UnboundedSender<News>,
    news: mpsc::UnboundedReceiver<News>,
    /// Raised to drain gateway and stages.
    roles_stop: CancellationToken,
    /// Raised once they are gone.
    broker_stop: CancellationToken,
    /// Raised to kill whatever is left.
    kill: CancellationToken,
}

impl Supervisor {
    /// Brings everything up, and returns once the gateway is ready. A signal gives up half-way.
    pub(crate) async fn launch(
        settings: Settings,
        terminal: Terminal,
        signals: &Signals,
    ) -> anyhow::Result<Self> {
        let lock = settings.data.lock()?;
        settings.data.clear_scratch()?;
        settings.data.turn_logs()?;
        let secrets = Secrets::of(&settings.data)?;
        let programs = tokio::select! {
            found = Programs::find(&terminal) => found?,
            () = signals.stop.cancelled() => bail!(STOPPED),
        };
        let port = settings.port.choose(&terminal)?;
        let token = gateway::mint_token(
            &secrets.jwt_secret.as_str().into(),
            secrets.user,
            TOKEN_LIFE,
        )
        .context("making a token for the page")?;
        let token = token.expose_secret().to_owned();
        let base_url = format!("http://127.0.0.1:{port}");
        let plan = Plan::new(&settings, secrets, programs, port)?;
        let mut supervisor = Self {
            running: Running {
                page: format!("{base_url}/#token={token}"),
                base_url,
                token,
                pid: std::process::id(),
                processes: BTreeMap::new(),
            },
            admin: plan.address_for(Role::Admin)?,
            data: settings.data,
            terminal,
            children: Children::none(),
            applying: JoinSet::new(),
            _lock: lock,
        };
        let ready = tokio::select! {
            ready = supervisor.bring_up(&plan) => ready,
            () = signals.stop.cancelled() => Err(anyhow!(STOPPED)),
        };
        match ready {
            Ok(()) => Ok(supervisor),
            Err(error) => {
                let terminal = supervisor.terminal.clone();
                if let Err(left) = supervisor.drain(signals.kill.clone()).await {
                    terminal.warn(format_args!("{left:#}"));
                }
                Err(error)
            }
        }
    }

    async fn bring_up(&mut self, plan: &Plan) -> anyhow::Result<()> {
        plan.write_broker_configuration()?;
        self.children.keep_broker(plan.broker());
        let broker = self
            .until_ready(BROKER, connect_broker(self.admin.clone()))
            .await??;
        let jetstream = async_nats::jetstream::new(broker);
        nats::apply_again(&jetstream)
            .await
            .context("preparing streams and buckets")?;
        for role in plan.roles()? {
            self.children.keep_role(role);
        }
        let api = Api::new(&self.running.base_url, &self.running.token)?;
        self.until_ready("the gateway", async {
            while !api.is_ready().await {
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
        })
        .await?;
        self.data.write_json(STATE_FILE, &self.running)
    }

    /// Waits for `ready` while looking after the children: one that keeps ending ends the waiting.
    async fn until_ready<T>(
        &mut self,
        what: &str,
        ready: impl Future<Output = T>,
    ) -> anyhow::Result<T> {
        let deadline = Instant::now() + READY_WITHIN;
        let mut false_starts = BTreeMap::new();
        tokio::pin!(ready);
        loop {
            tokio::select! {
                value = &mut ready => return Ok(value),
                () = tokio::time::sleep_until(deadline) => bail!(
                    "{what} is not ready after {} s; its log: {}",
                    READY_WITHIN.as_secs(),
                    self.data.logs().display()
                ),
                Some(news) = self.children.news.recv() => {
                    if let News::Ended { name, how, log, .. } = &news {
                        let count = false_starts.entry(name.clone()).or_insert(0u32);
                        *count += 1;
                        if *count >= MOST_FALSE_STARTS {
                            bail!("{name} does not start: it {how}; its last words:\n{}", process::last_words(log));
                        }
                    }
                    self.note(&news);
                }
            }
        }
    }

    /// Keeps everything running until `stop` is raised, then drains; `kill` ends that at once.
    pub(crate) async fn serve(
        mut self,
        stop: CancellationToken,
        kill: CancellationToken,
    ) -> anyhow::Result<()> {
        let (say, mut stuck) = mpsc::channel(1);
        let watching = watchdog::watch(self.admin.clone(), self.data.nats_store(), say);
        let _watching = AbortOnDropHandle::new(tokio::spawn(watching));
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(()) = stuck.recv() => self.start_broker_again(),
                Some(news) = self.children.news.recv() => {
                    self.note(&news);
                    self.apply_again(&news);
                    if let Err(error) = self.data.write_json(STATE_FILE, &self.running) {
                        self.terminal.warn(format_args!("{error:#}; everything runs on without it"));
                    }
                }
            }
        }
        self.drain(kill).await
    }

    /// Ends a broker that keeps nothing any more, although there is room: it is started anew.
    fn start_broker_again(&self) {
        let pid = self.running.processes.get(BROKER);
        let pid = pid.and_then(|pid| Pid::from_raw(pid.cast_signed()));
        self.terminal.warn(format_args!(
            "{} takes no messages any more, as after its disk was full; starting it again",
            style(BROKER).for_stderr().bold()
        ));
        // One that is gone is being started already.
        let _gone = pid.map(|pid| rustix::process::kill_process(pid, Signal::KILL));
    }

    /// A broker that was started again may have lost its store: streams and buckets are made anew.
    fn apply_again(&mut self, news: &News) {
        if !matches!(news, News::Started { name, .. } if name == BROKER) {
            return;
        }
        let (broker, terminal) = (self.admin.clone(), self.terminal.clone());
        // Of two starts in a row only the last matters.
        self.applying.abort_all();
        self.applying.spawn(async move {
            loop {
                match applied(&broker).await {
                    Ok(changes) if changes.is_empty() => return,
                    Ok(changes) => {
                        return terminal.warn(format_args!(
                            "nats-server had lost its store; made {} of its parts anew",
                            changes.len()
                        ));
                    }
                    Err(error) => terminal.failed(&error),
                }
                tokio::time::sleep(APPLY_AGAIN).await;
            }
        });
    }

    async fn drain(mut self, kill: CancellationToken) -> anyhow::Result<()> {
        let removed = data::remove_file(&self.data.file(STATE_FILE));
        let kill_children = self.children.kill.clone();
        let ended = self.children.end();
        tokio::pin!(ended);
        tokio::select! {
            () = &mut ended => {}
            () = kill.cancelled() => {
                kill_children.cancel();
                ended.await;
            }
        }
        removed
    }

    fn note(&mut self, news: &News) {
        match news {
            News::Started { name, pid } => {
                self.running.processes.insert(name.clone(), *pid);
            }
            News::Ended {
                name,
                how,
                again_in,
                ..
            } => {
                self.running.processes.remove(name);
                self.terminal.warn(format_args!(
                    "{} {how}; trying again in {:.1} s",
                    style(name).for_stderr().bold(),
                    again_in.as_secs_f64(),
                ));
            }
        }
    }
}

impl Children {
    fn none() -> Self {
        let (sender, news) = mpsc::unbounded_channel();
        Self {
            roles: JoinSet::new(),
            broker: JoinSet::new(),
            sender,
            news,
            roles_stop: CancellationToken::new(),
            broker_stop: CancellationToken::new(),
            kill: CancellationToken::new(),
        }
    }

    fn keep_broker(&mut self, broker: Process) {
        let (stop, kill) = (self.broker_stop.clone(), self.kill.clone());
        self.broker
            .spawn(broker.keep(stop, kill, self.sender.clone()));
    }

    fn keep_role(&mut self, role: Process) {
        let (stop, kill) = (self.roles_stop.clone(), self.kill.clone());
        self.roles.spawn(role.keep(stop, kill, self.sender.clone()));
    }

    /// Ends gateway and stages first: what they have in hand they must be able to give back.
    async fn end(&mut self) {
        self.roles_stop.cancel();
        while self.roles.join_next().await.is_some() {}
        self.broker_stop.cancel();
        while self.broker.join_next().await.is_some() {}
    }
}

/// Brings the broker to the topology.
async fn applied(broker: &ServerAddress) -> anyhow::Result<Vec<nats::Change>> {
    let client = connect_broker(broker.clone()).await?;
    nats::apply_again(&async_nats::jetstream::new(client))
        .await
        .context("preparing streams and buckets again")
}

/// Connects as soon as the server lets us.
async fn connect_broker(address: ServerAddress) -> anyhow::Result<async_nats::Client> {
    loop {
        match nats::connect(&address, "beatreel up").await {
            Err(error) if error.is_passing() => tokio::time::sleep(Duration::from_millis(30)).await,
            answer => return answer.context("connecting to our own nats-server"),
        }
    }
}
