//! A file can do no more to us than to the process that decodes it.
//!
//! Without the test harness, since the decoder is a program: this one, started again as `decode` (the
//! real one), as one that never ends, as one that wants all memory, or as a parent that is killed.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test without the harness"
)]

use std::env;
use std::fs;
use std::hint::black_box;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use media::audio::{AudioError, Canonical, CanonicalWav, Limits, SeparateDecoder};
use tempfile::TempDir;
use testkit::sound;

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let role = arguments
        .next()
        .and_then(|role| role.into_string().ok())
        .unwrap_or_default();
    match role.as_str() {
        "connect" => {
            // The same as `decode`, and then what a decoder that was taken over would do.
            let code = media::audio::decode_for_parent(arguments, &mut io::sink());
            let denied = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
            let tried = std::net::TcpStream::connect("127.0.0.1:9");
            println!(
                "{}",
                if tried.is_err_and(|error| denied(&error)) {
                    "denied"
                } else {
                    "open"
                }
            );
            return code;
        }
        "decode" => return media::audio::decode_for_parent(arguments, &mut io::stdout()),
        "spin" => loop {
            black_box(());
        },
        "hoard" => {
            black_box(vec![1_u8; 4 << 30]);
        }
        "wait" => {
            println!("{}", std::process::id());
            std::thread::park();
        }
        "fail" => return ExitCode::from(3),
        "parent" => within(parent(arguments.next().unwrap().into())),
        "--list" => {} // asked by test runners
        _ => within(everything()),
    }
    ExitCode::SUCCESS
}

fn within(work: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(work);
}

async fn everything() {
    a_song_is_canonicalised_as_in_this_process().await;
    a_refusal_crosses_the_pipe_word_by_word().await;
    an_endless_loop_is_the_files_fault_and_costs_its_time_only().await;
    memory_without_end_is_the_files_fault().await;
    a_decoder_that_cannot_work_is_our_fault().await;
    #[cfg(target_os = "linux")]
    a_decoder_can_open_no_connection();
    who_waits_too_long_is_told_and_the_process_ends().await;
    #[cfg(target_os = "linux")]
    the_decoder_of_a_killed_parent_is_killed();
}

/// This program as a decoder that does as `role` says.
fn decoder(role: &str) -> SeparateDecoder {
    SeparateDecoder::new(env::current_exe().unwrap(), vec![role.into()])
}

struct Upload {
    folder: TempDir,
    source: PathBuf,
}

impl Upload {
    fn of(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("upload");
        fs::write(&source, bytes).unwrap();
        Self { folder, source }
    }

    fn canonical(&self) -> PathBuf {
        self.folder.path().join("song.wav")
    }

    async fn through(&self, decoder: &SeparateDecoder) -> Result<Canonical, AudioError> {
        let limits = Limits::default();
        let answer = decoder
            .canonicalise(&self.source, &self.canonical(), &limits)
            .await;
        assert_eq!(answer.is_ok(), self.canonical().exists());
        answer
    }
}

async fn a_song_is_canonicalised_as_in_this_process() {
    let upload = Upload::of(&sound::tone(440.0, 3.0).wav());
    let shape = upload.through(&decoder("decode")).await.unwrap();
    assert_eq!(shape.samples, 132_300);
    let read = CanonicalWav::open(&upload.canonical()).unwrap();
    assert_eq!(read.shape(), shape);
    let here = upload.folder.path().join("here.wav");
    media::audio::canonicalise(&upload.source, &here, &Limits::default()).unwrap();
    assert!(fs::read(here).unwrap() == fs::read(upload.canonical()).unwrap());
}

async fn a_refusal_crosses_the_pipe_word_by_word() {
    let short = sound::tone(440.0, 0.2).wav();
    let files: [&[u8]; 4] = [b"OggS", b"", &short, b"fLaC\0\0\0\x22"];
    for bytes in files {
        let upload = Upload::of(bytes);
        let there = upload.through(&decoder("decode")).await.unwrap_err();
        let here = media::audio::canonicalise(
            &upload.source,
            &upload.folder.path().join("here.wav"),
            &Limits::default(),
        )
        .unwrap_err();
        assert_eq!(there.to_string(), here.to_string());
        assert_eq!(there.code(), here.code());
        assert!(there.is_about_the_file());
    }
}

async fn an_endless_loop_is_the_files_fault_and_costs_its_time_only() {
    let upload = Upload::of(b"whatever");
    let patient = Duration::from_mins(5);
    let spinning = decoder("spin").bounded(1, 1 << 30, patient);
    let error = upload.through(&spinning).await.unwrap_err();
    assert!(
        matches!(error, AudioError::TooCostly { what: "time" }),
        "{error:?}"
    );
    assert_eq!(error.code(), "audio-unreadable");
    assert!(error.is_about_the_file());
}

async fn memory_without_end_is_the_files_fault() {
    let error = Upload::of(b"whatever")
        .through(&decoder("hoard"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, AudioError::TooCostly { what: "memory" }),
        "{error:?}"
    );
}

async fn a_decoder_that_cannot_work_is_our_fault() {
    let missing = SeparateDecoder::new("/no/such/decoder".into(), Vec::new());
    for broken in [missing, decoder("fail")] {
        let error = Upload::of(b"whatever").through(&broken).await.unwrap_err();
        assert!(matches!(error, AudioError::Decoder { .. }), "{error:?}");
        assert!(!error.is_about_the_file());
    }
}

#[cfg(target_os = "linux")]
fn a_decoder_can_open_no_connection() {
    let upload = Upload::of(&sound::tone(440.0, 1.5).wav());
    let decoder = Command::new(env::current_exe().unwrap())
        .arg("connect")
        .args([&upload.source, &upload.canonical()])
        .args(["1", "600"])
        .output()
        .unwrap();
    assert!(upload.canonical().exists(), "{decoder:?}");
    assert_eq!(String::from_utf8_lossy(&decoder.stdout), "denied\n");
}

async fn who_waits_too_long_is_told_and_the_process_ends() {
    let begin = Instant::now();
    let slow = decoder("wait").bounded(10, 1 << 30, Duration::from_millis(300));
    let error = Upload::of(b"whatever").through(&slow).await.unwrap_err();
    assert!(matches!(error, AudioError::Late { .. }), "{error:?}");
    assert!(begin.elapsed() < Duration::from_secs(30));
}

/// The part of the process that is killed while its decoder, whose id `file` tells, is at work.
async fn parent(file: PathBuf) {
    let script = "echo $$ > \"$0.part\" && mv \"$0.part\" \"$0\"; exec sleep 600".into();
    let telling = SeparateDecoder::new("/bin/sh".into(), vec!["-c".into(), script, file.into()]);
    println!("ready");
    let _ = Upload::of(b"whatever").through(&telling).await;
}

#[cfg(target_os = "linux")]
fn the_decoder_of_a_killed_parent_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("id");
    let mut parent = Command::new(env::current_exe().unwrap())
        .arg("parent")
        .arg(&file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(parent.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    until("the decoder runs", || file.exists());
    let id = fs::read_to_string(&file).unwrap().trim().to_owned();
    assert!(runs(&id));
    parent.kill().unwrap();
    parent.wait().unwrap();
    until("the decoder is gone", || !runs(&id));
}

fn runs(id: &str) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(id).join("stat")).unwrap_or_default();
    stat.rsplit(") ")
        .next()
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "not so in 20 s: {what}");
        std::thread::yield_now();
    }
}
