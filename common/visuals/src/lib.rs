//! The built-in renderer: scene parameters, time and music into pixels.
