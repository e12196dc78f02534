//! Module 6: writes an instruction and the scene parameters for every clip.
