//! How far a job is: two bars on a terminal, plain lines elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::client::StreamEvent;
use crate::terminal::Terminal;

/// Shows the events of one job.
pub(crate) struct Progress {
    terminal: Terminal,
    bars: Option<Bars>,
    /// The last tenth told in plain lines.
    told: u64,
}

struct Bars {
    overall: ProgressBar,
    clips: ProgressBar,
}

impl Progress {
    /// With bars where somebody looks.
    pub(crate) fn start(terminal: &Terminal) -> Self {
        Self {
            terminal: terminal.clone(),
            bars: Terminal::is_watched().then(|| Bars::new(terminal)),
            told: 0,
        }
    }

    /// Shows one event.
    pub(crate) fn tell(&mut self, event: &StreamEvent) {
        match event.name.as_str() {
            "progress" => self.tell_progress(event),
            "stage_update" => self.tell_stage(event),
            "audio_parser_results" => self.tell_music(event),
            "scene_planner_results" => {
                if let Some(summary) = event.text("video_summary") {
                    self.terminal.say(format_args!("  {summary}"));
                }
            }
            "prompt_generator_results" | "video_generation_complete" => self.tell_clips(event),
            "message" => {
                if let Some(text) = event.text("text") {
                    self.terminal.say(format_args!("  {text}"));
                }
            }
            _ => {}
        }
    }

    /// Takes the bars away.
    pub(crate) fn finish(self) {
        if let Some(Bars { overall, clips }) = self.bars {
            clips.finish_and_clear();
            overall.finish_and_clear();
        }
    }

    fn tell_progress(&mut self, event: &StreamEvent) {
        let percent = event.number("progress").unwrap_or_default() as u64;
        let stage = event.text("stage").or_else(|| event.text("current_stage"));
        let Some(bars) = &self.bars else {
            if percent / 10 > self.told {
                self.told = percent / 10;
                self.terminal
                    .say(format_args!("{percent:>4} %  {}", stage.map_or("", title)));
            }
            return;
        };
        // Events of clips that are made side by side may come out of order.
        if percent > bars.overall.position() {
            bars.overall.set_position(percent);
        }
        if let Some(stage) = stage {
            bars.overall.set_message(title(stage));
        }
    }

    fn tell_stage(&self, event: &StreamEvent) {
        let Some(stage) = event.text("stage") else {
            return;
        };
        match (
            event.text("status"),
            event.number("duration"),
            event.text("error"),
        ) {
            (Some("completed"), Some(seconds), _) => {
                self.terminal
                    .done(format_args!("{:<28} {seconds:>5.1} s", title(stage)));
            }
            (_, _, Some(error)) => self
                .terminal
                .warn(format_args!("{}: {error}", title(stage))),
            _ => {}
        }
    }

    fn tell_music(&self, event: &StreamEvent) {
        let number = |member| event.number(member).unwrap_or_default();
        self.terminal.say(format_args!(
            "  {:.1} BPM, {} beats, {:.1} s: {} clips",
            number("bpm"),
            number("beat_count"),
            number("duration"),
            number("clip_boundaries_count"),
        ));
    }

    fn tell_clips(&self, event: &StreamEvent) {
        let Some(bars) = &self.bars else { return };
        let completed = event.number("completed_clips").unwrap_or_default() as u64;
        if let Some(total) = event.number("total_clips") {
            bars.clips.set_length(total as u64);
        }
        bars.clips
            .set_position(completed.max(bars.clips.position()));
    }
}

impl Bars {
    fn new(terminal: &Terminal) -> Self {
        let overall = terminal.bars().add(ProgressBar::new(100));
        overall.set_style(style(
            "{spinner:.cyan} film  {bar:40.cyan/dim} {pos:>3} %  {msg}  {elapsed:.dim}",
        ));
        overall.enable_steady_tick(Duration::from_millis(120));
        let clips = terminal.bars().add(ProgressBar::new(0));
        clips.set_style(style("  clips {bar:40.magenta/dim} {pos}/{len}"));
        Self { overall, clips }
    }
}

fn style(template: &str) -> ProgressStyle {
    // A template that cannot be read is a slip that shows at once; the usual bar is as true.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸━")
}

/// What a stage is doing, for people.
fn title(stage: &str) -> &'static str {
    match stage {
        "audio_parser" => "listening to the song",
        "scene_planner" => "directing",
        "reference_generator" => "drawing the places",
        "prompt_generator" => "writing the shots",
        "video_generator" => "making the clips",
        "composer" => "cutting the film",
        _ => "working",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_has_a_title_and_every_template_can_be_read() {
        for kind in model::StageKind::ALL {
            assert_ne!(title(kind.name()), "working", "{kind}");
        }
        for template in [
            "{spinner:.cyan} film  {bar:40.cyan/dim} {pos:>3} %  {msg}  {elapsed:.dim}",
            "  clips {bar:40.magenta/dim} {pos}/{len}",
        ] {
            ProgressStyle::with_template(template).unwrap();
        }
    }
}
