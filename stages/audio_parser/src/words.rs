//! Where the words of a job come from: a text of the user's, or a provider that hears them, once.
//!
//! A song without words is still a song: what goes wrong with a provider is told, and the film is made
//! without them. They are bought through the job's ledger (`runtime::purchase`). Where the answer to a paid
//! request was lost with a worker, and the provider does not charge a key once, it counts as paid and is not
//! asked for again.

use std::path::Path;
use std::sync::Arc;

use media::audio;
use model::Usd;
use model::handoff::Song;
use model::lyrics::text::Written;
use model::lyrics::transcript::Transcript;
use model::lyrics::{Lyrics, LyricsSource, LyricsWish};
use providers::{Recording, Speech, SpeechError};
use runtime::purchase::BUDGET_EXCEEDED;
use runtime::{Bought, NotBought, Purchase, StageContext, StageError, StageResultExt, Terms};
use serde::{Deserialize, Serialize};

use crate::hearing::Hearing;
use crate::sound::Sound;

/// The purchase, within its task.
const ITEM: &str = "words";
/// From whom.
const PROVIDER: &str = "speech";

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
    speech: Option<&Arc<dyn Speech>>,
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

/// What asking a provider came to, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
enum Outcome {
    /// The words.
    Heard(Transcript),
    /// Why there are none, for people.
    Missing(String),
}

impl Outcome {
    fn into_words(self) -> Words {
        match self {
            Self::Heard(transcript) => Words::Heard(transcript),
            Self::Missing(why) => Words::Missing(why),
        }
    }
}

async fn heard(
    speech: &Arc<dyn Speech>,
    song: &Song,
    file: &Path,
    cx: &StageContext,
) -> Result<Words, StageError> {
    let purchase = Purchase {
        item: ITEM,
        provider: PROVIDER,
        price: speech.price(song.duration()),
        repeats: speech.repeats(),
    };
    if let Some(outcome) = cx.bought_before::<Outcome>(purchase).await? {
        return Ok(outcome.into_words());
    }
    // Before anything is reserved: whoever is killed while at it has asked for nothing.
    let recording = recorded(song, file, cx).await?;
    let asking = cx.buy(purchase, |terms| {
        asked(Arc::clone(speech), recording, (terms, purchase), cx)
    });
    match asking.await {
        Ok(outcome) => Ok(outcome.into_words()),
        Err(error) if error.code() == BUDGET_EXCEEDED => {
            Ok(Words::Missing(format!("No words: {}.", causes(&error))))
        }
        Err(error) => Err(error),
    }
}

/// Asks. Whatever comes of it is an outcome to go on with, unless the job is cancelled.
fn asked(
    speech: Arc<dyn Speech>,
    recording: Recording,
    (terms, purchase): (Terms, Purchase<'_>),
    cx: &StageContext,
) -> impl Future<Output = Result<Bought<Outcome>, NotBought>> + Send + use<> {
    let (cancel, price, repeats) = (cx.cancelled(), purchase.price, purchase.repeats);
    let missing = |why: &str, cost| Bought {
        value: Outcome::Missing(format!("No words: {why}.")),
        cost,
    };
    async move {
        if terms.again && !repeats && price > Usd::ZERO {
            let why = "the worker that had asked for them was lost, and they are not paid twice";
            return Ok(missing(why, price));
        }
        match speech.transcribe(&recording, &terms.key, &cancel).await {
            Ok(transcript) if transcript.lines.is_empty() => {
                Ok(missing("none are heard in the song", transcript.cost))
            }
            Ok(transcript) => Ok(Bought {
                cost: transcript.cost,
                value: Outcome::Heard(transcript),
            }),
            Err(SpeechError::Cancelled) => Err(NotBought::NotCharged(StageError::Cancelled)),
            // The file goes with the work that has made it.
            Err(error @ SpeechError::Recording(_)) => Err(NotBought::NotCharged(
                StageError::retry("reading the recording", error),
            )),
            Err(error) => {
                let (may_cost, causes) = (error.may_cost(), causes(&error));
                tracing::warn!(causes, "no words were heard");
                Ok(missing(&causes, if may_cost { price } else { Usd::ZERO }))
            }
        }
    }
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
