//! Child processes that do not outlive us: each in its own process group, killed with all it started
//! when its handle is dropped, and by the kernel (on Linux) when we are killed ourselves.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process_group, setrlimit};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::runtime::Handle;

/// A running child process and the group it leads.
#[derive(Debug)]
pub struct Child {
    process: tokio::process::Child,
    /// The group, until its leader has been reaped; after that the number may be another's.
    group: Option<Pid>,
}

/// How much a child may use of what the machine has. Its own children inherit it, each for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// CPU time: SIGXCPU after it, SIGKILL a second later.
    pub cpu_seconds: u64,
    /// Bytes of address space, the program itself included: allocations beyond it fail.
    pub address_space: u64,
    /// Bytes that a file which it writes may have: SIGXFSZ at more.
    pub file_size: u64,
}

/// Files and sockets that a child may have open: some programs take all that there are.
const OPEN_FILES: u64 = 512;

/// What a program did that ended it, where nobody else ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misdeed {
    /// Used more CPU time than its bounds give.
    CpuTime,
    /// Wrote a file larger than its bounds give.
    FileSize,
    /// Gave itself up, as Rust does where memory ends.
    Abort,
    /// Touched memory that is not its own, or the like.
    Crash,
}

/// The misdeed that `status` tells of; `None` for an exit and for a signal that came from outside.
pub fn misdeed(status: ExitStatus) -> Option<Misdeed> {
    let ended_by = status.signal()?;
    let is = |signal: Signal| signal.as_raw() == ended_by;
    if is(Signal::XCPU) {
        Some(Misdeed::CpuTime)
    } else if is(Signal::XFSZ) {
        Some(Misdeed::FileSize)
    } else if is(Signal::ABORT) {
        Some(Misdeed::Abort)
    } else if [Signal::SEGV, Signal::BUS, Signal::ILL, Signal::FPE]
        .into_iter()
        .any(is)
    {
        Some(Misdeed::Crash)
    } else {
        None
    }
}

/// Starts `command` as [`spawn`] does, within `bounds`, with 512 open files at most, and never with a core
/// file.
pub fn spawn_within(mut command: Command, bounds: Bounds) -> io::Result<Child> {
    let limits = [
        (Resource::Cpu, bounds.cpu_seconds, bounds.cpu_seconds + 1),
        (Resource::As, bounds.address_space, bounds.address_space),
        (Resource::Fsize, bounds.file_size, bounds.file_size),
        (Resource::Nofile, OPEN_FILES, OPEN_FILES),
        (Resource::Core, 0, 0),
    ];
    let bind = move || {
        for (resource, soft, hard) in limits {
            let limit = Rlimit {
                current: Some(soft),
                maximum: Some(hard),
            };
            setrlimit(resource, limit)?;
        }
        Ok(())
    };
    #[expect(
        unsafe_code,
        reason = "limits of the child and not of ourselves can only be set between fork and exec. The \
                  closure makes five system calls and allocates nothing, as is demanded there."
    )]
    // SAFETY: `bind` is async-signal-safe: setrlimit only, no allocation, no locks.
    unsafe {
        command.pre_exec(bind);
    }
    spawn(command)
}

/// Starts `command` as the leader of a process group of its own.
///
/// Must be called within a tokio runtime. The kernel's parent-death signal is tied to the thread that
/// forks, so the fork happens on a thread that lives as long as the process: callers may be anywhere,
/// short-lived blocking threads included.
pub fn spawn(mut command: Command) -> io::Result<Child> {
    let runtime = Handle::try_current().map_err(io::Error::other)?;
    command.process_group(0).kill_on_drop(true);
    die_with_parent(&mut command);
    let process = on_lasting_thread(command, runtime)?;
    let group = process.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    Ok(Child { process, group })
}

impl Child {
    /// Its process id, which is that of its group too; `None` once it has been reaped.
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// How much CPU time it has used, in the kernel's ticks of 10 ms; `None` where the kernel does not
    /// tell, as once it has been reaped.
    pub fn cpu_ticks(&self) -> Option<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id()?)).ok()?;
        // Behind the name, which may hold anything: the 12th and the 13th word.
        let (_, words) = stat.rsplit_once(") ")?;
        let mut words = words.split(' ').skip(11);
        let mut next = || words.next()?.parse::<u64>().ok();
        Some(next()? + next()?)
    }

    /// The pipe to its input, where one was asked for; once.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.process.stdin.take()
    }

    /// The pipe from its output, where one was asked for; once.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.process.stdout.take()
    }

    /// The pipe from its error output, where one was asked for; once.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.process.stderr.take()
    }

    /// Waits until it has ended, and ends what it may have left behind in its group. Cancel safe.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.process.wait().await?;
        self.kill();
        self.group = None;
        Ok(status)
    }

    /// Asks the group to end (SIGTERM), and kills it where it has not ended after `grace`.
    pub async fn stop(&mut self, grace: Duration) -> io::Result<ExitStatus> {
        self.signal(Signal::TERM);
        if let Ok(ended) = tokio::time::timeout(grace, self.wait()).await {
            return ended;
        }
        self.kill();
        self.wait().await
    }

    /// Kills the group at once (SIGKILL). It still has to be waited for, or dropped.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
    }

    /// Asks the group to end at once, but in order (SIGQUIT): databases give back what the kernel keeps
    /// for them.
    pub fn quit(&self) {
        self.signal(Signal::QUIT);
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // The only failure for a group of ours is that nobody is left in it.
            let _gone = kill_process_group(group, signal);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill(); // the leader is reaped by tokio, see `kill_on_drop`
    }
}

type Order = (Command, Handle, Sender<io::Result<tokio::process::Child>>);

/// Forks on one thread that never ends.
fn on_lasting_thread(command: Command, runtime: Handle) -> io::Result<tokio::process::Child> {
    static ORDERS: LazyLock<Mutex<Sender<Order>>> = LazyLock::new(|| {
        let (sender, orders) = mpsc::channel();
        // Where the thread cannot be made its receiver is dropped, and every order fails below.
        let _started = thread::Builder::new()
            .name("child-spawner".to_owned())
            .spawn(move || serve(&orders));
        Mutex::new(sender)
    });
    let gone = || io::Error::other("the thread that starts child processes is gone");
    let (reply, answer) = mpsc::channel();
    ORDERS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .send((command, runtime, reply))
        .map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())?
}

fn serve(orders: &Receiver<Order>) {
    for (mut command, runtime, reply) in orders {
        let _within = runtime.enter();
        // A caller that is gone drops the child it would have had, which kills it.
        let _unheard = reply.send(command.spawn());
    }
}

#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command) {
    use rustix::process::{getpid, getppid, set_parent_process_death_signal};

    let parent = getpid();
    let tie = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died before the tie was made.
        if getppid() == Some(parent) {
            Ok(())
        } else {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    };
    #[expect(
        unsafe_code,
        reason = "prctl has to run in the child between fork and exec; std offers no other place. \
                  The closure makes two system calls and allocates nothing, as is demanded there."
    )]
    // SAFETY: `tie` is async-signal-safe: prctl and getppid only, no allocation, no locks.
    unsafe {
        command.pre_exec(tie);
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent(_command: &mut Command) {}
