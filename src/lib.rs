#![doc = include_str!("README.md")]

pub mod admin;
pub mod cli;
pub mod config;
pub mod model;
pub mod observe;
pub mod pipeline;
pub mod snapshot;
pub mod stages;
pub mod state;
