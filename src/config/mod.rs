//! The YAML as written; the only door to settings (YAML, environment, files).
//!
//! [`load()`] reads `gateway.yaml` and the policies and packs beside it, and either returns all of it, checked, or all that is
//! wrong with it: every fault of every file at once, with file, line, column and a hint. It must never guess what an operator
//! meant, accept a key that nothing reads, or show a secret.
//!
//! | file | what it does |
//! |---|---|
//! | [`settings`] | the types that the rest of the gateway sees |
//! | `load` | which files are read, in which order |
//! | `gateway`, `upstreams`, `routes`, `clients` | the parts of `gateway.yaml` |
//! | `policies`, `tools`, `packs` | the two kinds of files in `policies/` |
//! | `reader` | reading typed values out of the tree, collecting faults |
//! | `tree` | YAML with positions; refuses what makes a file mean something else than it seems to say |
//! | `units`, `base_url`, `references` | quantities, addresses, `${env:…}` and `${file:…}` |
//! | `faults`, `source` | how faults are shown, and what must not be |
//! | `files` | the one reader of files |

mod base_url;
mod clients;
mod defaults;
mod faults;
mod files;
mod gateway;
mod load;
mod packs;
mod policies;
mod reader;
mod references;
mod routes;
pub mod settings;
mod source;
mod tools;
mod tree;
mod units;
mod upstreams;

#[cfg(test)]
mod tests;

pub use faults::{Fault, FaultKind, Faults, MAX_FAULTS, Place};
pub use files::{ReadError, SourceFile, fingerprint, read_bounded};
pub use load::{Loaded, load, load_policies, process_environment};
