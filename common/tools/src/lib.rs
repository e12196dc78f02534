//! Finds or fetches the pinned nats-server and ffmpeg, and keeps child processes tied to us.
