//! Module 3: hears tempo, beats, sections and energy, and lays the clip grid.
