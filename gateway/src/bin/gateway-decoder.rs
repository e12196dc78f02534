//! The decoder alone, as the gateway's own tests start it. Installations start `beatreel` again instead.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    media::audio::decode_for_parent(arguments, &mut std::io::stdout())
}
