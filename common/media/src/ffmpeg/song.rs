//! The song as AAC.

use std::path::Path;

use model::format::Quality;
use tokio_util::sync::CancellationToken;

use super::{Ffmpeg, FfmpegError, input};
use crate::house;

impl Ffmpeg {
    /// Encodes a whole WAV as AAC (128, 192 or 320 kbit/s) into the MP4 file `out`, edit list included, so that
    /// no player hears the encoder's lead-in.
    pub async fn encode_song(
        &self,
        wav: &Path,
        out: &Path,
        quality: Quality,
        cancel: &CancellationToken,
    ) -> Result<(), FfmpegError> {
        let mut command = self.command();
        command.args(["-f", "wav"]);
        input(&mut command, wav);
        command
            .args([
                "-map",
                "0:a:0",
                "-c:a",
                "aac",
                "-b:a",
                house::sound_bits(quality),
                "-map_metadata",
                "-1",
            ])
            .args(["-fflags", "+bitexact", "-flags:a", "+bitexact", "-f", "mp4"]);
        self.make("encoding the song", command, out, cancel).await
    }
}
