//! The command line: what each command is called and which module runs it.

pub mod check;
mod eval;
pub mod keys;
mod reload;
mod serve;
mod view;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// A security gateway in front of LLM providers and agents.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway. Exit code 78 means that the configuration is bad.
    Serve {
        /// The configuration; policies are read from `policies/` beside it.
        #[arg(long, default_value = "gateway.yaml")]
        config: PathBuf,
    },
    /// Check the configuration and its policies; shows all faults. Exit code 0: none, 1: faults, 2: could not be read.
    Check {
        /// The configuration; policies are read from `policies/` beside it.
        #[arg(long, default_value = "gateway.yaml")]
        config: PathBuf,
    },
    /// Measure detection on labelled texts. Exit code 0: done, 1: floors do not hold, 2: could not run.
    Eval(Box<eval::Arguments>),
    /// Make and hash clients' keys.
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Print a new key, once, and the hash for the YAML.
    New,
    /// Read a key from standard input and print its hash.
    Hash,
}

/// Reads the command line and runs what it says.
pub fn run() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Serve { config } => return serve::run(&config),
        Command::Check { config } => return check::run(&config),
        Command::Eval(arguments) => return eval::run(&arguments),
        Command::Keys { command: KeysCommand::New } => keys::new(&mut std::io::stdout()),
        Command::Keys { command: KeysCommand::Hash } => keys::hash_from(&mut std::io::stdin(), &mut std::io::stdout()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portcullis: {error:#}");
            ExitCode::FAILURE
        }
    }
}
