//! A film as a stream while it is made: the clips that are there, from the first on without a gap.
//!
//! Nothing is stored for it. A segment is the clip of the store and the part of the sound beside it, behind
//! a head that is made on the way (`media::mp4::segment_head`). What was read of a film once is kept, since
//! clips do not change.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use media::mp4::{self, Packets, Part};
use model::clip::{Clip, ClipPrompts};
use model::film::SOUND;
use model::timeline::Span;
use model::{ArtifactKey, ArtifactRef, JobId, RunNumber};
use nats::{buckets, kv};
use runtime::Artifacts;
use serde::Deserialize;
use tokio::sync::OnceCell;

use crate::error::{ApiError, OrFault};

/// Films of which something is kept: a few kilobytes for each clip that was asked for.
const KEPT: usize = 64;
/// Instructions and sounds of ours are far smaller, in bytes.
const LARGEST: u64 = 64 << 20;
const DOING: &str = "streaming a film";

/// The films that are watched while they are made.
#[derive(Debug)]
pub(crate) struct Streams {
    artifacts: Artifacts,
    clips: kv::Bucket,
    /// Those that were asked for last come last.
    kept: Mutex<VecDeque<Arc<Show>>>,
}

/// One of them.
#[derive(Debug)]
struct Show {
    job: JobId,
    run: RunNumber,
    /// The frames of each clip's file.
    spans: Vec<Span>,
    first: Packets,
    sound_key: ArtifactKey,
    sound: Packets,
    /// The clips that are there, without a gap.
    there: Mutex<Vec<Arc<Segment>>>,
}

#[derive(Debug)]
struct Segment {
    clip: ArtifactRef,
    packets: OnceCell<Packets>,
}

/// What lies in the bucket `clips`, as far as it matters here.
#[derive(Deserialize)]
struct Joined {
    clip: Clip,
}

impl Streams {
    pub(crate) fn new(artifacts: Artifacts, jetstream: async_nats::jetstream::Context) -> Self {
        Self {
            artifacts,
            clips: kv::Bucket::new(jetstream, buckets::CLIPS),
            kept: Mutex::default(),
        }
    }

    /// What is there, as a playlist that only grows. Not found before the first clip.
    pub(crate) async fn playlist(&self, job: JobId, run: RunNumber) -> Result<String, ApiError> {
        let show = self.show(job, run).await?;
        let there = self.look_on(&show).await?;
        Ok(show.playlist(there))
    }

    /// What a player needs before any segment.
    pub(crate) async fn initialisation(
        &self,
        job: JobId,
        run: RunNumber,
    ) -> Result<Vec<u8>, ApiError> {
        let show = self.show(job, run).await?;
        Ok(mp4::initialisation(&show.first, &show.sound))
    }

    /// Segment `number` (from 0) and its length.
    pub(crate) async fn segment(
        &self,
        (job, run): (JobId, RunNumber),
        number: usize,
    ) -> Result<(Body, u64), ApiError> {
        let show = self.show(job, run).await?;
        if self.look_on(&show).await? <= number {
            return Err(ApiError::NotFound);
        }
        let segment = lock(&show.there)
            .get(number)
            .cloned()
            .ok_or(ApiError::NotFound)?;
        let read = || self.packets_of(&segment.clip);
        let packets = segment.packets.get_or_try_init(read).await?;
        let span = show.spans.get(number).ok_or(ApiError::NotFound)?;
        let picture = Part {
            range: 0..packets.count(),
            tick: span.first * u64::from(packets.step),
            shown_from: show.first.shown_from,
            packets,
        };
        let sound = show.sound_of(*span, number + 1 == show.spans.len());
        let head = mp4::segment_head(number as u32 + 1, &picture, &sound);
        let pictures = packets.bytes(&picture.range);
        let sounds = show.sound.bytes(&sound.range);
        let length =
            head.len() as u64 + (pictures.end - pictures.start) + (sounds.end - sounds.start);
        let pictures = self
            .artifacts
            .open_read(&segment.clip.key, Some(pictures))
            .await;
        let sounds = self
            .artifacts
            .open_read(&show.sound_key, Some(sounds))
            .await;
        let head = stream::once(async move { Ok(Bytes::from(head)) });
        let whole = head
            .chain(pictures.or_unavailable(DOING)?)
            .chain(sounds.or_unavailable(DOING)?);
        Ok((Body::from_stream(whole), length))
    }

    async fn show(&self, job: JobId, run: RunNumber) -> Result<Arc<Show>, ApiError> {
        let kept = {
            let mut kept = lock(&self.kept);
            let place = kept
                .iter()
                .position(|show| (show.job, show.run) == (job, run));
            let show = place.and_then(|place| kept.remove(place));
            kept.extend(show.clone());
            show
        };
        if let Some(show) = kept {
            return Ok(show);
        }
        let first = self.clip(job, run, 0).await?.ok_or(ApiError::NotFound)?;
        let key = |name: &str| ArtifactKey::of_job(job, name).or_internal(DOING);
        let prompts = self
            .whole(&key(&format!("run-{run}/prompts.json"))?)
            .await?;
        let prompts: ClipPrompts = serde_json::from_slice(&prompts).or_internal(DOING)?;
        let sound_key = key(SOUND)?;
        let sound = self.whole(&sound_key).await?;
        let show = Arc::new(Show {
            job,
            run,
            spans: prompts
                .clips
                .iter()
                .map(model::clip::ClipInstruction::file)
                .collect(),
            first: self.packets_of(&first).await?,
            sound: Packets::of(&sound).or_internal(DOING)?,
            sound_key,
            there: Mutex::default(),
        });
        let mut kept = lock(&self.kept);
        kept.push_back(Arc::clone(&show));
        if kept.len() > KEPT {
            kept.pop_front();
        }
        Ok(show)
    }

    /// Looks for clips behind those that are known, and says how many there are then.
    async fn look_on(&self, show: &Show) -> Result<usize, ApiError> {
        loop {
            let known = lock(&show.there).len();
            if known >= show.spans.len() {
                return Ok(known);
            }
            let Some(clip) = self.clip(show.job, show.run, known).await? else {
                return Ok(known);
            };
            let mut there = lock(&show.there);
            // Another request may have been faster.
            if there.len() == known {
                there.push(Arc::new(Segment {
                    clip,
                    packets: OnceCell::new(),
                }));
            }
        }
    }

    async fn clip(
        &self,
        job: JobId,
        run: RunNumber,
        index: usize,
    ) -> Result<Option<ArtifactRef>, ApiError> {
        let entry = self.clips.get(&format!("{job}.{run}.{index}")).await;
        let Some(entry) = entry.or_unavailable(DOING)? else {
            return Ok(None);
        };
        let joined: Joined = serde_json::from_slice(&entry.value).or_internal(DOING)?;
        Ok(Some(joined.clip.video))
    }

    async fn packets_of(&self, clip: &ArtifactRef) -> Result<Packets, ApiError> {
        let bytes = self.artifacts.get_bytes(clip).await.map_err(gone)?;
        Packets::of(&bytes).or_internal(DOING)
    }

    /// All bytes under a key.
    async fn whole(&self, key: &ArtifactKey) -> Result<Vec<u8>, ApiError> {
        let length = self.artifacts.head(key).await.or_unavailable(DOING)?;
        if length.ok_or(ApiError::NotFound)? > LARGEST {
            return Err(ApiError::NotFound);
        }
        let mut stream = self.artifacts.open_read(key, None).await.map_err(gone)?;
        let mut bytes = Vec::new();
        while let Some(chunk) = stream.try_next().await.or_unavailable(DOING)? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

/// What was removed is not there; everything else may pass.
fn gone(error: runtime::ArtifactError) -> ApiError {
    match error {
        runtime::ArtifactError::NotFound { .. } => ApiError::NotFound,
        error => ApiError::Unavailable {
            doing: DOING,
            source: error.into(),
        },
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A panic elsewhere leaves what is kept here as it was.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Show {
    /// Seconds of so many frames.
    fn seconds(&self, frames: u64) -> f64 {
        frames as f64 * f64::from(self.first.step) / f64::from(self.first.timescale)
    }

    /// The sound beside a clip; with the last one goes what is left.
    fn sound_of(&self, span: Span, is_last: bool) -> Part<'_> {
        let until = if is_last {
            f64::INFINITY
        } else {
            self.seconds(span.end())
        };
        let range = self.sound.within(self.seconds(span.first), until);
        Part {
            tick: range.start as u64 * u64::from(self.sound.step),
            range,
            shown_from: self.sound.shown_from,
            packets: &self.sound,
        }
    }

    /// RFC 8216: a playlist to which segments are only added, played from its begin.
    fn playlist(&self, there: usize) -> String {
        let longest = self.spans.iter().map(|span| span.count).max().unwrap_or(0);
        let target = self.seconds(longest.into()).ceil().max(1.0) as u64;
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{target}\n#EXT-X-PLAYLIST-TYPE:EVENT\n\
             #EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-INDEPENDENT-SEGMENTS\n\
             #EXT-X-START:TIME-OFFSET=0,PRECISE=YES\n#EXT-X-MAP:URI=\"init.mp4\"\n"
        );
        for (number, span) in self.spans.iter().take(there).enumerate() {
            let seconds = self.seconds(span.count.into());
            // Writing to a string cannot fail.
            let _written = write!(text, "#EXTINF:{seconds:.6},\n{number}.m4s\n");
        }
        if there >= self.spans.len() {
            text.push_str("#EXT-X-ENDLIST\n");
        }
        text
    }
}
