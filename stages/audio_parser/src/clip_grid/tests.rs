//! The grid tiles every song, and cuts where the music does.

use super::*;

struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.unit() * limit as f64) as usize
    }

    /// Ascending times, some of them outside the song.
    fn times(&mut self, limit: usize, duration: f64) -> Vec<f64> {
        let count = self.below(limit);
        let mut times: Vec<f64> = (0..count)
            .map(|_| self.unit() * duration * 1.05 - 0.1)
            .collect();
        times.sort_by(f64::total_cmp);
        times
    }
}

fn steady(duration: f64, interval: f64) -> Vec<(f64, bool)> {
    (0..(duration / interval).ceil() as u32)
        .map(|beat| (f64::from(beat) * interval, beat % 4 == 0))
        .collect()
}

fn grid(duration: f64, beats: &[(f64, bool)], energy: &[f32]) -> Vec<ClipSlot> {
    lay(&Song {
        duration,
        beats,
        onsets: &[],
        sections: &[],
        energy,
    })
}

#[test]
fn a_hundred_thousand_random_songs_are_tiled_exactly() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..100_000 {
        let longest = [3.0, 13.0, 30.0][random.below(3)];
        let duration = 1e-4 + random.unit() * longest;
        let beats: Vec<(f64, bool)> = random
            .times(40, duration)
            .into_iter()
            .map(|time| (time, random.unit() < 0.3))
            .collect();
        let (onsets, sections) = (random.times(20, duration), random.times(4, duration));
        let energy: Vec<f32> = (0..random.below(20))
            .map(|_| random.unit() as f32)
            .collect();
        let song = Song {
            duration,
            beats: &beats,
            onsets: &onsets,
            sections: &sections,
            energy: &energy,
        };
        let slots = lay(&song);
        assert_eq!(slots[0].start.0, 0.0);
        assert_eq!(slots[slots.len() - 1].end.0, duration);
        assert!(slots.windows(2).all(|pair| pair[0].end == pair[1].start));
        assert!(duration <= 12.0 || slots.len() >= 3, "{duration} s");
        for (at, slot) in slots.iter().enumerate() {
            let length = slot.end.0 - slot.start.0;
            assert_eq!(slot.index, ClipIndex(at as u32));
            assert!(
                length <= 8.0 && (length >= 1.5 || slots.len() == 1),
                "{length} s"
            );
        }
    }
}

#[test]
fn every_edge_of_a_steady_song_is_a_downbeat() {
    let slots = grid(120.0, &steady(120.0, 0.5), &[0.7; 100]);
    assert!(slots.iter().skip(1).all(|slot| slot.edge == Edge::Downbeat));
}

#[test]
fn loud_parts_are_cut_faster() {
    let energy: Vec<f32> = (0..100).map(|at| if at < 50 { 0.2 } else { 1.0 }).collect();
    let slots = grid(80.0, &steady(80.0, 0.5), &energy);
    let calm = slots.iter().filter(|slot| slot.end.0 <= 40.0).count();
    let busy = slots.iter().filter(|slot| slot.start.0 >= 40.0).count();
    assert!(busy >= 2 * calm, "{calm} slots, then {busy}");
}

#[test]
fn without_anything_heard_the_edges_are_even() {
    let slots = grid(30.0, &[], &[]);
    assert!(slots.len() >= 3);
    assert!(slots.iter().skip(1).all(|slot| slot.edge == Edge::Time));
}

#[test]
fn a_section_begins_with_a_slot() {
    let beats = steady(60.0, 0.5);
    let slots = lay(&Song {
        duration: 60.0,
        beats: &beats,
        onsets: &[],
        sections: &[18.0, 34.0],
        energy: &[0.5; 60],
    });
    for section in [18.0, 34.0] {
        assert!(
            slots.iter().any(|slot| slot.start.0 == section),
            "{slots:?}"
        );
    }
}

#[test]
fn nothing_has_no_slots() {
    assert!(grid(0.0, &[], &[]).is_empty());
    assert!(grid(f64::NAN, &[], &[]).is_empty());
    assert_eq!(grid(1e-5, &[], &[]).len(), 1);
}
