//! The song's sections as chapters of the film. Pure.

use std::collections::BTreeMap;

use media::mp4::TimedText;
use model::analysis::{Section, SectionKind};

/// One a section, named by its kind and, where there are several of it, which of them it is.
pub(crate) fn of(sections: &[Section]) -> Vec<TimedText> {
    let mut totals: BTreeMap<&str, u32> = BTreeMap::new();
    for section in sections {
        *totals.entry(name(section.kind)).or_default() += 1;
    }
    let mut so_far: BTreeMap<&str, u32> = BTreeMap::new();
    let chapter = |section: &Section| {
        let name = name(section.kind);
        let number = so_far.entry(name).or_default();
        *number += 1;
        let title = match totals.get(name) {
            Some(2..) => format!("{name} {number}"),
            _ => name.to_owned(),
        };
        TimedText {
            start: section.start,
            end: section.end,
            text: title,
        }
    };
    sections.iter().map(chapter).collect()
}

const fn name(kind: SectionKind) -> &'static str {
    match kind {
        SectionKind::Intro => "Intro",
        SectionKind::Verse => "Verse",
        SectionKind::Chorus => "Chorus",
        SectionKind::Bridge => "Bridge",
        SectionKind::Break => "Break",
        SectionKind::Drop => "Drop",
        SectionKind::Outro => "Outro",
    }
}

#[cfg(test)]
mod tests {
    use model::Seconds;

    use super::*;

    #[test]
    fn sections_of_a_kind_are_numbered_where_there_are_several() {
        use SectionKind::{Chorus, Intro, Verse};
        let section = |(n, kind): (usize, SectionKind)| Section {
            label: "A".to_owned(),
            kind,
            start: Seconds(n as f64),
            end: Seconds(n as f64 + 1.0),
            energy: 0.5,
            confidence: 1.0,
            kind_confidence: 1.0,
            beat_confidence: None,
            bpm: None,
            alternates: Vec::new(),
        };
        let kinds = [Intro, Verse, Chorus, Verse].into_iter().enumerate();
        let chapters = of(&kinds.map(section).collect::<Vec<_>>());
        let titles: Vec<&str> = chapters
            .iter()
            .map(|chapter| chapter.text.as_str())
            .collect();
        assert_eq!(titles, ["Intro", "Verse 1", "Chorus", "Verse 2"]);
        assert_eq!(chapters[3].start, Seconds(3.0));
    }
}
