//! `beatreel fork`: one clip of a finished film made anew, and `beatreel versions`: the films that come of
//! it.

use std::process::ExitCode;

use model::JobId;
use model::job::JobStatus;
use serde_json::{Map, Value, json};

use crate::address::Address;
use crate::client::Version;
use crate::terminal::Terminal;
use crate::watch;

/// Make one clip of a finished film anew, and the film with it.
///
/// Everything else is taken over. The film before it stays: `beatreel versions` lists both, and chooses.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  beatreel fork $JOB --clip 7 --wait                  the same scene, drawn from another seed
  beatreel fork $JOB --clip 7 --scene ridges
  beatreel fork $JOB --clip 7 --patch '{\"scene\": {\"camera\": \"push_in\", \"intensity\": 0.9}}'")]
pub(crate) struct Args {
    /// The job; it must have ended.
    job: JobId,
    /// The clip, from 0.
    #[arg(long)]
    clip: u32,
    /// What to draw: the name of a scene, as the plan has them.
    #[arg(long)]
    scene: Option<String>,
    /// Chooses one of endlessly many pictures of the scene.
    #[arg(long)]
    seed: Option<u64>,
    /// What else is to change, as JSON: `prompt`, `negative_prompt`, and members of `scene`.
    #[arg(long, value_parser = patch)]
    patch: Option<Map<String, Value>>,
    /// The version to change, instead of the one that is shown.
    #[arg(long)]
    version: Option<u32>,
    /// Follow the job until it has ended.
    #[arg(long)]
    wait: bool,
    /// Print JSON: the gateway's answer, and with --wait the events after it.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    address: Address,
}

fn patch(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("a JSON object is needed: {error}"))
}

impl Args {
    /// What the gateway is asked for.
    fn request(&self) -> Value {
        let mut patch = self.patch.clone().unwrap_or_default();
        let scene = [
            ("scene", self.scene.clone().map(Value::from)),
            ("seed", self.seed.map(Value::from)),
        ];
        for (name, value) in scene {
            let Some(value) = value else { continue };
            let members = patch.entry("scene").or_insert_with(|| json!({}));
            if let Some(members) = members.as_object_mut() {
                members.insert(name.to_owned(), value);
            }
        }
        let mut request = json!({ "from": "video_generator", "clip": self.clip, "patch": patch });
        if let (Some(version), Some(members)) = (self.version, request.as_object_mut()) {
            members.insert("version".to_owned(), version.into());
        }
        request
    }
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let api = args.address.api()?;
    let forked = api.fork(args.job, &args.request()).await?;
    if args.json {
        println!("{forked}");
    } else {
        let told = |member: &str| {
            forked
                .get(member)
                .map_or_else(String::new, Value::to_string)
        };
        Terminal::default().done(format_args!(
            "Pass {} of the job makes clips {} anew.",
            told("run"),
            told("clips")
        ));
    }
    if args.wait {
        watch::until_the_end(&api, args.job, args.json).await
    } else {
        Ok(ExitCode::SUCCESS)
    }
}

/// List the versions of a film, or choose the one to show.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  beatreel versions $JOB
  beatreel versions $JOB --select 1                   back to the first")]
pub(crate) struct VersionsArgs {
    /// The job.
    job: JobId,
    /// Show this version: links, download and playlist are of it then.
    #[arg(long)]
    select: Option<u32>,
    /// Print the gateway's answer as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    address: Address,
}

pub(crate) async fn versions(args: VersionsArgs) -> anyhow::Result<ExitCode> {
    let api = args.address.api()?;
    let list = match args.select {
        Some(version) => api.select_version(args.job, version).await?,
        None => api.versions(args.job).await?,
    };
    if args.json {
        println!("{}", json!(list));
        return Ok(ExitCode::SUCCESS);
    }
    for version in &list.versions {
        println!("{}", line(version));
    }
    Ok(ExitCode::SUCCESS)
}

fn line(version: &Version) -> String {
    let mark = if version.selected { '*' } else { ' ' };
    let made = match (&version.clips, version.base) {
        (Some(clips), Some(base)) => {
            let clips: Vec<_> = clips.iter().map(ToString::to_string).collect();
            format!("version {base} with clip {} anew", clips.join(" and "))
        }
        _ => "all clips".to_owned(),
    };
    let state = match version.status {
        JobStatus::Completed => String::new(),
        status => format!(" ({status})"),
    };
    format!("{mark} {:>3}  {made}{state}", version.run)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn request(arguments: &[&str]) -> Value {
        let job = "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f";
        let given = ["fork", job, "--clip", "7"];
        let given = given.iter().chain(arguments);
        Command::try_parse_from(given).unwrap().args.request()
    }

    #[test]
    fn what_is_to_change_is_one_patch() {
        assert_eq!(
            request(&[]),
            json!({ "from": "video_generator", "clip": 7, "patch": {} })
        );
        let patch = r#"{"prompt": "rain", "scene": {"intensity": 0.9}}"#;
        let all = request(&[
            "--scene",
            "ridges",
            "--seed",
            "3",
            "--patch",
            patch,
            "--version",
            "1",
        ]);
        assert_eq!(
            all,
            json!({ "from": "video_generator", "clip": 7, "version": 1, "patch": {
                "prompt": "rain", "scene": { "intensity": 0.9, "scene": "ridges", "seed": 3 } } })
        );
    }

    #[test]
    fn a_version_is_told_in_a_line() {
        let version = |selected, status, base, clips| Version {
            run: 2,
            status,
            selected,
            base,
            clips,
        };
        let first = version(true, JobStatus::Completed, None, None);
        assert_eq!(line(&first), "*   2  all clips");
        let later = version(false, JobStatus::Cancelled, Some(1), Some(vec![7, 8]));
        assert_eq!(
            line(&later),
            "    2  version 1 with clip 7 and 8 anew (cancelled)"
        );
    }
}
