//! The YAML as written; the only door to settings.

pub mod settings;
