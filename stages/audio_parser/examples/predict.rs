//! Writes what the analyser hears of every song of a folder, in the format of an external scorer:
//! `cargo run -p beatreel-audio-parser --example predict -- AUDIO_DIR PREDICTIONS_DIR [PART]`.
#![expect(clippy::print_stdout, reason = "a tool for people")]

use std::path::{Path, PathBuf};

use audio_parser::hearing;
use media::audio::{self, Limits};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [songs, predictions, rest @ ..] = arguments.as_slice() else {
        return Err("AUDIO_DIR PREDICTIONS_DIR [PART]".into());
    };
    let part = rest.first().map_or("", String::as_str);
    std::fs::create_dir_all(predictions)?;
    let mut paths: Vec<PathBuf> = std::fs::read_dir(songs)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_, std::io::Error>>()?;
    paths.retain(|path| path.to_string_lossy().contains(part));
    paths.sort();
    let queue = std::sync::Mutex::new(paths);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(path) = queue.lock().ok().and_then(|mut paths| paths.pop()) {
                    if let Err(error) = predict(&path, Path::new(predictions)) {
                        println!("{}: {error}", path.display());
                    }
                }
            });
        }
    });
    Ok(())
}

fn predict(song: &Path, predictions: &Path) -> Result<(), Failure> {
    let name = song
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let canonical = predictions.join(format!("{name}.wav"));
    if !canonical.exists() {
        audio::canonicalise(song, &canonical, &Limits::default())?;
    }
    let began = std::time::Instant::now();
    let heard = hearing::hear(&canonical, |_| true)?.ok_or("stopped")?;
    let took = began.elapsed().as_secs_f64();
    let beats = heard.beats();
    let sections: Vec<serde_json::Value> = heard
        .sections()
        .iter()
        .map(|part| {
            serde_json::json!({"start": part.start, "end": part.end, "label": part.label,
                "kind": part.kind, "energy": part.energy})
        })
        .collect();
    let prediction = serde_json::json!({
        "tempo_bpm": heard.tempo().bpm,
        "alternates": heard.tempo().alternates,
        "confidence": heard.tempo().confidence,
        "beats": beats.iter().map(|beat| beat.time).collect::<Vec<_>>(),
        "downbeats": beats.iter().filter(|beat| beat.downbeat).map(|beat| beat.time).collect::<Vec<_>>(),
        "key": heard.key().map(|key| key.to_string()),
        "segments": sections,
        "grid": heard.clip_grid(),
    });
    std::fs::write(
        predictions.join(format!("{name}.json")),
        prediction.to_string(),
    )?;
    println!(
        "{name}: {:.1} bpm, {} beats, {took:.2} s",
        heard.tempo().bpm,
        beats.len()
    );
    Ok(())
}
