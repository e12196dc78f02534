//! Takes from a process what a decoder never needs: connections, and other programs.
//!
//! By seccomp, as a user namespace without a network is often not allowed within containers. The calls are
//! refused and the process lives: a library that only looks for something (a resolver, say) may go on.

/// Refuses new sockets, rings of requests (which could open some) and other programs, to this process and
/// all that it starts, for ever.
///
/// # Errors
/// In words, where the kernel has no filters of system calls, or this machine's kind is not known.
#[cfg(all(
    target_os = "linux",
    any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "riscv64"
    )
))]
pub(super) fn confine() -> Result<(), String> {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

    let refused = [
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_io_uring_setup,
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
    ];
    let machine = std::env::consts::ARCH.try_into();
    let machine = machine.map_err(|error: seccompiler::BackendError| error.to_string())?;
    let filter = SeccompFilter::new(
        refused.into_iter().map(|call| (call, Vec::new())).collect(),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM.unsigned_abs()),
        machine,
    );
    let filter = filter.and_then(BpfProgram::try_from);
    let filter = filter.map_err(|error| error.to_string())?;
    seccompiler::apply_filter_all_threads(&filter).map_err(|error| error.to_string())
}

/// Nothing is known here that could.
#[cfg(not(all(
    target_os = "linux",
    any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "riscv64"
    )
)))]
pub(super) fn confine() -> Result<(), String> {
    Err("this system has no filters of system calls that are known here".to_owned())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::ErrorKind;
    use std::net::{TcpStream, UdpSocket};
    use std::os::unix::net::UnixStream;
    use std::process::Command;

    use super::*;

    /// The name of the test that runs the other side of the one below, in a process of its own.
    const CONFINED: &str =
        "audio::confine::tests::a_confined_process_has_no_network_and_no_programs";

    #[test]
    fn a_confined_process_has_no_network_and_no_programs() {
        // It is for ever: so in a process of its own.
        if std::env::var_os("CONFINED").is_none() {
            let again = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", CONFINED])
                .env("CONFINED", "1")
                .output()
                .unwrap();
            let told = String::from_utf8_lossy(&again.stdout).into_owned();
            assert!(
                again.status.success() && told.contains("1 passed"),
                "{told}"
            );
            return;
        }
        let open = UdpSocket::bind("127.0.0.1:0").unwrap();
        confine().unwrap();
        let refused =
            |what: &str, kind| assert_eq!(kind, Err(ErrorKind::PermissionDenied), "{what}");
        let there = open.local_addr().unwrap();
        refused(
            "TCP",
            TcpStream::connect(there)
                .map(drop)
                .map_err(|error| error.kind()),
        );
        refused(
            "UDP",
            UdpSocket::bind("[::1]:0")
                .map(drop)
                .map_err(|error| error.kind()),
        );
        refused(
            "pair",
            UnixStream::pair().map(drop).map_err(|error| error.kind()),
        );
        refused(
            "program",
            Command::new("/bin/true")
                .status()
                .map(drop)
                .map_err(|error| error.kind()),
        );
        let other = std::thread::spawn(|| TcpStream::connect("127.0.0.1:1").map(drop));
        let other = other.join().unwrap().map_err(|error| error.kind());
        refused("another thread", other);
        // What decoding needs is there.
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "a").unwrap();
    }
}
