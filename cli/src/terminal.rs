//! What a person sees. Everything but results goes to stderr, so that stdout can be piped.

use std::fmt::Display;

use console::style;
use indicatif::MultiProgress;
use runtime::ConfigError;

/// The terminal, shared by whoever has something to say; lines do not tear progress bars apart.
#[derive(Clone, Default)]
pub(crate) struct Terminal {
    bars: MultiProgress,
    silent: bool,
}

impl Terminal {
    /// One that nobody hears, for what is expected to go wrong.
    pub(crate) fn silent() -> Self {
        Self {
            silent: true,
            ..Self::default()
        }
    }

    /// Where bars are drawn.
    pub(crate) const fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Whether somebody looks at it, so that bars make sense.
    pub(crate) fn is_watched() -> bool {
        console::user_attended_stderr()
    }

    /// A line.
    pub(crate) fn say(&self, line: impl Display) {
        if !self.silent {
            self.bars.suspend(|| eprintln!("{line}"));
        }
    }

    /// A step that is done.
    pub(crate) fn done(&self, line: impl Display) {
        self.say(format_args!("{} {line}", style("✓").for_stderr().green()));
    }

    /// Something that went wrong and is being dealt with.
    pub(crate) fn warn(&self, line: impl Display) {
        self.say(format_args!(
            "{} {line}",
            style("!").for_stderr().yellow().bold()
        ));
    }

    /// Something that could not be done, with what is behind it, while the rest goes on.
    pub(crate) fn failed(&self, error: &anyhow::Error) {
        if !self.silent {
            self.bars.suspend(|| show_error(error));
        }
    }

    /// A result, on stdout.
    pub(crate) fn print(&self, result: impl Display) {
        self.bars.suspend(|| println!("{result}"));
    }

    /// A name with its value, the names in a column.
    pub(crate) fn field(&self, name: &str, value: impl Display) {
        self.say(format_args!(
            "  {}{value}",
            style(format!("{name:<9}")).for_stderr().dim()
        ));
    }
}

/// An error with what is behind it, outermost first.
pub(crate) fn show_error(error: &anyhow::Error) {
    eprintln!("{} {error}", style("error:").for_stderr().red().bold());
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Some layers repeat the one behind them.
        if !said.contains(&cause) {
            eprintln!("  {} {cause}", style("since").for_stderr().dim());
        }
        said = cause;
    }
}

/// Everything that is wrong with the environment of a role, a line each.
pub(crate) fn show_configuration_error(error: &ConfigError) {
    eprintln!(
        "{} the configuration cannot be used",
        style("error:").for_stderr().red().bold()
    );
    for problem in &error.problems {
        eprintln!(
            "  {} {}",
            style(&problem.variable).for_stderr().bold(),
            problem.problem
        );
    }
    eprintln!(
        "Set these in the environment; each may be given as a file by NAME_FILE. --help lists what there is."
    );
}
