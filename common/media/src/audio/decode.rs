//! Packets to samples: bad ones become silence of their length, padding is cut, nothing is believed.

use std::collections::VecDeque;
use std::io::{Read, Seek};

use symphonia::core::audio::Channels;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, ReadOnlySource};
use symphonia::core::packet::Packet;
use symphonia::default::formats::{FlacReader, MpaReader, WavReader};

use super::fold::Fold;
use super::sniff::{self, AudioKind, unreadable};
use super::{AudioError, CHANNELS, SAMPLE_RATES};

/// The most that an encoder's tag can ask to cut at either end: 12 bits, the decoder's own delay of
/// 529, and a frame. Whatever claims more lies, and is not obeyed.
const MOST_TRIMMED: usize = 4_095 + 529 + 1_152;
/// No packet of the three formats is longer than a FLAC block.
const LONGEST_PACKET: u64 = 65_535;
/// Frames given out at once, at least.
const BLOCK: usize = 16_384;

/// A song being decoded to interleaved mono or stereo at its own rate.
pub(super) struct Decoder {
    kind: AudioKind,
    format: Box<dyn FormatReader>,
    codec: Box<dyn AudioDecoder>,
    sample_rate: u32,
    channels_in: usize,
    fold: Fold,
    ended: bool,
    /// Frames still to cut at the begin.
    to_skip: usize,
    /// Decoded samples not yet given out. The last [`MOST_TRIMMED`] frames wait until the end is known.
    pending: VecDeque<f32>,
    /// Of `pending`, how many frames at the end are said to be padding.
    padding: usize,
    good_frames: u64,
    bad_frames: u64,
    packet: Vec<f32>,
    folded: Vec<f32>,
    block: Vec<f32>,
}

impl Decoder {
    pub(super) fn open<R>(source: R) -> Result<Self, AudioError>
    where
        R: Read + Seek + Send + Sync + 'static,
    {
        let (kind, stream) = sniff::honest(source)?;
        let stream = MediaSourceStream::new(
            Box::new(ReadOnlySource::new(stream)),
            symphonia::core::io::MediaSourceStreamOptions::default(),
        );
        let options = FormatOptions::default();
        let why = |error: Error| unreadable(kind, &error.to_string());
        let format: Box<dyn FormatReader> = match kind {
            AudioKind::Mp3 => Box::new(MpaReader::try_new(stream, options).map_err(why)?),
            AudioKind::Wav => Box::new(WavReader::try_new(stream, options).map_err(why)?),
            AudioKind::Flac => Box::new(FlacReader::try_new(stream, options).map_err(why)?),
        };
        let parameters = format
            .default_track(TrackType::Audio)
            .and_then(|track| track.codec_params.as_ref()?.audio())
            .ok_or_else(|| unreadable(kind, "it holds no audio"))?;
        let sample_rate = parameters.sample_rate.unwrap_or(0);
        if !SAMPLE_RATES.contains(&sample_rate) {
            return Err(AudioError::SampleRate { hz: sample_rate });
        }
        let channels_in = parameters.channels.as_ref().map_or(0, Channels::count);
        if !CHANNELS.contains(&channels_in) {
            return Err(AudioError::ChannelCount { count: channels_in });
        }
        // Trimming is ours: a lying length in an MP3 header would cut the song.
        let options = AudioDecoderOptions::default().gapless(false);
        let codec = symphonia::default::get_codecs()
            .make_audio_decoder(parameters, &options)
            .map_err(why)?;
        let delay = format
            .default_track(TrackType::Audio)
            .and_then(|track| track.delay)
            .unwrap_or(0) as usize;
        Ok(Self {
            kind,
            format,
            codec,
            sample_rate,
            channels_in,
            fold: Fold::new(channels_in),
            ended: false,
            to_skip: if delay <= MOST_TRIMMED { delay } else { 0 },
            pending: VecDeque::new(),
            padding: 0,
            good_frames: 0,
            bad_frames: 0,
            packet: Vec::new(),
            folded: Vec::new(),
            block: Vec::new(),
        })
    }

    /// The file's own rate.
    pub(super) fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// 1 or 2.
    pub(super) fn channels_out(&self) -> u16 {
        if self.channels_in == 1 { 1 } else { 2 }
    }

    /// The next interleaved samples; `None` at the end. A file of which nothing, or less than half,
    /// can be decoded is unreadable.
    pub(super) fn next_block(&mut self) -> Result<Option<&[f32]>, AudioError> {
        let channels = usize::from(self.channels_out());
        let wanted = (BLOCK + MOST_TRIMMED) * channels;
        while !self.ended && self.pending.len() < wanted {
            self.decode_packet()?;
        }
        let held = if self.ended {
            self.judge()?;
            // More padding than any encoder adds: the tag lies, and the song goes on.
            if self.padding <= MOST_TRIMMED {
                self.padding
            } else {
                0
            }
        } else {
            MOST_TRIMMED
        };
        let count = self.pending.len().saturating_sub(held * channels);
        self.block.clear();
        self.block.extend(self.pending.drain(..count));
        if self.ended {
            self.pending.clear();
        }
        Ok((!self.block.is_empty()).then_some(&self.block))
    }

    fn judge(&self) -> Result<(), AudioError> {
        if self.good_frames == 0 {
            return Err(unreadable(self.kind, "no audio was found in it"));
        }
        if self.good_frames < self.bad_frames {
            return Err(unreadable(self.kind, "most of it is damaged"));
        }
        Ok(())
    }

    fn decode_packet(&mut self) -> Result<(), AudioError> {
        let packet = match self.format.next_packet() {
            Ok(Some(packet)) => packet,
            // A truncated file ends where it ends; a demuxer that has lost its way does not find back.
            Err(Error::IoError(error)) if error.kind() != std::io::ErrorKind::UnexpectedEof => {
                return Err(AudioError::Io(error));
            }
            Ok(None) | Err(_) => {
                self.ended = true;
                return Ok(());
            }
        };
        self.packet.clear();
        if self.samples_of(&packet) {
            self.good_frames += (self.packet.len() / self.channels_in) as u64;
        } else {
            let frames = packet.block_dur().get().min(LONGEST_PACKET);
            self.bad_frames += frames;
            self.packet.clear();
            self.packet.resize(frames as usize * self.channels_in, 0.0);
        }
        self.take_packet(packet.trim_end.get() as usize);
        Ok(())
    }

    /// Decodes into `self.packet`; false where it cannot be, or is not what the song began as.
    fn samples_of(&mut self, packet: &Packet) -> bool {
        let Ok(buffer) = self.codec.decode(packet) else {
            return false;
        };
        let spec = buffer.spec();
        if spec.rate() != self.sample_rate || spec.channels().count() != self.channels_in {
            return false;
        }
        self.packet.resize(buffer.samples_interleaved(), 0.0);
        buffer.copy_to_slice_interleaved(&mut self.packet);
        true
    }

    /// Moves `self.packet`, whose last `padding` frames are said to be padding, to `self.pending`.
    fn take_packet(&mut self, padding: usize) {
        let frames = self.packet.len() / self.channels_in;
        let skipped = self.to_skip.min(frames);
        self.to_skip -= skipped;
        self.folded.clear();
        let kept = self.packet.get(skipped * self.channels_in..).unwrap_or(&[]);
        self.fold.append(kept, &mut self.folded);
        self.pending.extend(&self.folded);
        // Padding counts from where it began to the end; frames that follow it are padding as well.
        if padding > 0 || self.padding > 0 {
            let added = if self.padding > 0 {
                frames
            } else {
                padding.min(frames)
            };
            self.padding = self.padding.saturating_add(added);
        }
    }
}
