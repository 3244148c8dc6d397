//! Portcullis: a security gateway in front of LLM providers and agents.

pub mod admin;
pub mod cli;
pub mod config;
pub mod model;
pub mod observe;
pub mod stages;
pub mod state;
