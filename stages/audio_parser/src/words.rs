//! Where the words of a job come from: a text of the user's, or a provider that hears them, once.
//!
//! A song without words is still a song: what goes wrong with a provider is told, and the film is made
//! without them. Its answer is stored before anything is made of it, so that a task that comes again does
//! not pay again; and where the answer to a paid request was lost with a worker, it is not asked again.

use std::path::Path;

use media::audio;
use model::handoff::Song;
use model::lyrics::text::Written;
use model::lyrics::transcript::Transcript;
use model::lyrics::{Lyrics, LyricsSource, LyricsWish};
use model::{ArtifactKey, ArtifactRef, EventBody, StageKind, Stored, Usd};
use providers::{Recording, Speech, SpeechError};
use runtime::{StageContext, StageError, StageResultExt};
use serde::{Deserialize, Serialize};

use crate::hearing::Hearing;
use crate::sound::Sound;

/// What asking a provider came to, in the job's run.
const OUTCOME: &str = "transcript.json";
/// That a provider is asked, for this price.
const ASKED: &str = "transcript-asked.json";

/// Words that are to be laid on the song.
#[derive(Debug)]
pub(crate) enum Words {
    /// Nobody asked for any.
    None,
    /// As somebody wrote them.
    Given(Written),
    /// As a provider heard them.
    Heard(Transcript),
    /// There are none, for this reason.
    Missing(String),
}

impl Words {
    /// Makes them a part of `hearing`.
    pub(crate) fn sing(&self, sound: &Sound, hearing: &mut Hearing) {
        match self {
            Self::None => {}
            Self::Given(written) => sound.sing(hearing, written),
            Self::Heard(transcript) => {
                sound.sing(hearing, &transcript.written());
                if let Some(lyrics) = &mut hearing.lyrics {
                    lyrics.source = LyricsSource::Transcribed;
                    lyrics.confidence = transcript.confidence();
                }
            }
            Self::Missing(why) => {
                hearing.lyrics = Some(Lyrics {
                    notes: vec![why.clone()],
                    ..Lyrics::default()
                });
            }
        }
    }
}

/// The words that the job of `cx` asks for. `file` is its song.
pub(crate) async fn of_job(
    speech: Option<&dyn Speech>,
    song: &Song,
    file: &Path,
    cx: &StageContext,
) -> Result<Words, StageError> {
    let words = match &cx.job().options.lyrics {
        None => Words::None,
        Some(LyricsWish::Given(text)) => {
            let bytes = cx.artifacts().get_bytes(text).await;
            let bytes = bytes.or_retry("fetching the lyrics")?;
            let text = String::from_utf8_lossy(&bytes);
            Words::Given(Written::parse(&text).or_fatal("reading the lyrics")?)
        }
        Some(LyricsWish::Transcribe) => match speech {
            Some(speech) => heard(speech, song, file, cx).await?,
            None => Words::Missing(
                "No words: this worker knows no provider of speech; set OPENAI_API_KEY or OPENAI_BASE_URL for it."
                    .to_owned(),
            ),
        },
    };
    if let Words::Missing(why) = &words {
        cx.message(why.clone());
    }
    Ok(words)
}

/// What asking a provider came to, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Outcome {
    /// The words, where there are some.
    transcript: Option<Transcript>,
    /// Why there are none, for people.
    missing: Option<String>,
    /// What it has cost, or may have.
    cost: Usd,
}

impl Outcome {
    const fn missing(why: String, cost: Usd) -> Self {
        Self {
            transcript: None,
            missing: Some(why),
            cost,
        }
    }

    /// Tells what it cost: nothing before this stage costs anything, so that is the job's total.
    fn into_words(self, cx: &StageContext) -> Words {
        if self.cost > Usd::ZERO {
            cx.emit(EventBody::CostUpdate {
                stage: StageKind::AudioParser,
                cost: self.cost,
                total: self.cost,
            });
        }
        match (self.transcript, self.missing) {
            (Some(transcript), _) => Words::Heard(transcript),
            (None, Some(why)) => Words::Missing(why),
            (None, None) => Words::None,
        }
    }
}

async fn heard(
    speech: &dyn Speech,
    song: &Song,
    file: &Path,
    cx: &StageContext,
) -> Result<Words, StageError> {
    let (price, budget) = (speech.price(song.duration()), cx.job().budget);
    if let Some(stored) = exists(&cx.key(OUTCOME)?, cx).await? {
        let outcome: Outcome = cx.load(&Stored::new(stored)).await?;
        return Ok(outcome.into_words(cx));
    }
    if price > budget {
        return Ok(Words::Missing(format!(
            "No words: hearing them costs {price}, and the job may cost {budget}."
        )));
    }
    if exists(&cx.key(ASKED)?, cx).await?.is_some() {
        let lost =
            "No words: the worker that had asked for them was lost, and they are not paid twice.";
        return Ok(Outcome::missing(lost.to_owned(), price).into_words(cx));
    }
    let recording = recorded(song, file, cx).await?;
    if price > Usd::ZERO {
        cx.store(ASKED, &price).await?;
    }
    let outcome = match speech.transcribe(&recording, &cx.cancelled()).await {
        Ok(transcript) if transcript.lines.is_empty() => Outcome::missing(
            "No words are heard in the song.".to_owned(),
            transcript.cost,
        ),
        Ok(transcript) => Outcome {
            cost: transcript.cost,
            transcript: Some(transcript),
            missing: None,
        },
        Err(SpeechError::Cancelled) => return Err(StageError::Cancelled),
        Err(error) => {
            let causes = causes(&error);
            tracing::warn!(causes, "no words were heard");
            let cost = if error.may_cost() { price } else { Usd::ZERO };
            Outcome::missing(format!("No words: {causes}."), cost)
        }
    };
    cx.store(OUTCOME, &outcome).await?;
    Ok(outcome.into_words(cx))
}

/// The song as models of speech take it.
async fn recorded(song: &Song, file: &Path, cx: &StageContext) -> Result<Recording, StageError> {
    let recording = Recording {
        file: cx.scratch().join("speech.wav"),
        duration: song.duration(),
    };
    let (from, to, stop) = (file.to_owned(), recording.file.clone(), cx.cancelled());
    let work = move || audio::for_speech(&from, &to, || !stop.is_cancelled());
    let made = tokio::task::spawn_blocking(work).await;
    made.or_retry("preparing the song for speech")?
        .or_retry("preparing the song for speech")?;
    cx.checkpoint()?;
    Ok(recording)
}

async fn exists(key: &ArtifactKey, cx: &StageContext) -> Result<Option<ArtifactRef>, StageError> {
    let found = cx.artifacts().exists(key).await;
    found.or_retry("looking for words that were heard before")
}

fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
