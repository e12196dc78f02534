//! Words on the picture: the title and the lines that are sung, laid on the film's frames.

use serde::{Deserialize, Serialize};

use crate::choice::choices;
use crate::look::{Palette, SceneParameters};
use crate::timeline::Span;

/// Letters of a title or a line that are drawn at most; what is longer is cut where it is written.
pub const LONGEST_CUE: usize = 200;

/// What is written over a clip, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lettering {
    /// The film's face: the same for all its clips.
    pub face: Face,
    /// The film's colours, from which the letters take theirs.
    pub palette: Palette,
    /// What is seen in any frame of the clip's file, by begin.
    pub cues: Vec<Cue>,
    /// The clips in whose files those of them began that did not begin in this one's: what was seen there
    /// decided whether their letters are light or dark.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub begun: Vec<Opening>,
}

/// A clip in which cues of later clips begin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Opening {
    /// Its picture, and the frames in which it is seen.
    pub scene: SceneParameters,
    /// See above.
    pub seen: Span,
    /// The frames of its file.
    pub file: Span,
}

/// Which words a film has on its picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Letters {
    /// Its title and its lyrics, as far as it has them; the default.
    #[default]
    All,
    /// Its title alone.
    Title,
    /// Its lyrics alone.
    Lyrics,
    /// None.
    None,
}

choices!(
    Letters,
    "lettering",
    [
        All = "all",
        Title = "title",
        Lyrics = "lyrics",
        None = "none"
    ]
);

impl Letters {
    /// Whether texts of this role are written.
    pub const fn has(self, role: Role) -> bool {
        match role {
            Role::Title => matches!(self, Self::All | Self::Title),
            Role::Lyric => matches!(self, Self::All | Self::Lyrics),
        }
    }
}

/// A typeface, chosen to suit the film. Scripts that it lacks are set in companions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Face {
    /// Plain and modern.
    #[default]
    Grotesk,
    /// Bookish, with serifs.
    Serif,
    /// Geometric and heavy.
    Display,
    /// Narrow capitals.
    Condensed,
}

impl Face {
    /// All faces.
    pub const ALL: [Self; 4] = [Self::Grotesk, Self::Serif, Self::Display, Self::Condensed];
}

/// A text that is shown for a while. It may begin before the clip and go on after it: the frames are the
/// film's, so that it stays as it is across a cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cue {
    /// What it is to the film.
    pub role: Role,
    /// When it is seen, its coming and going included.
    pub seen: Span,
    /// Its words, in the order in which they are read.
    pub words: Vec<CueWord>,
}

/// What a text is to the film: decides its size and its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// What the film is called.
    Title,
    /// What is being sung.
    Lyric,
}

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CueWord {
    /// The word with the marks that cling to it.
    pub text: String,
    /// When it is sung, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sung: Option<Span>,
}

impl Cue {
    /// Whether any frame of `span` shows it.
    pub const fn is_in(&self, span: Span) -> bool {
        self.seen.first < span.end() && span.first < self.seen.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cue_belongs_to_every_clip_that_shows_a_frame_of_it() {
        let span = |first, count| Span { first, count };
        let cue = Cue {
            role: Role::Lyric,
            seen: span(10, 5),
            words: Vec::new(),
        };
        for (clip, shown) in [
            (span(0, 10), false),
            (span(0, 11), true),
            (span(14, 1), true),
            (span(15, 9), false),
        ] {
            assert_eq!(cue.is_in(clip), shown, "{clip:?}");
        }
    }
}
