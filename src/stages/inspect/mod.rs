//! Views, detectors, and the cache of findings. The engine looks at every segment of an exchange and reports what it saw and
//! which guards ran; it decides nothing and changes no byte.
//!
//! | file | for |
//! |---|---|
//! | `engine`, `stream` | the doors: a request, an answer, the events of a stream |
//! | `injection` | signatures and structure over all views of one text |
//! | `views`, `characters`, `spelling`, `encodings` | the views of a text and the way back to its bytes |
//! | `signatures`, `rewrite`, `needs`, `bank`, `words`, `context` | compiled packs; what a pattern means; the words it needs; quotation |
//! | `structure` | characters that are there to hide something |
//! | `joined` | text split over the segments of one message |
//! | `arguments` | tools by name, and the strings in their arguments |
//! | `cache`, `windows`, `budget` | what keeps the work bounded |
//! | `secrets`, `own_keys`, `pii`, `sinks`, `log` | credentials (also the gateway's own), personal data, dangerous parameters; text for records |

mod arguments;
mod bank;
mod budget;
mod cache;
mod characters;
mod context;
#[cfg(test)]
mod cpu_time;
mod encodings;
mod engine;
mod findings;
mod injection;
mod joined;
mod log;
mod needs;
mod own_keys;
#[cfg(test)]
mod pack_tests;
mod pii;
mod rewrite;
mod secrets;
mod sighting;
mod signatures;
mod sinks;
mod spelling;
mod stream;
mod structure;
mod views;
mod windows;
mod words;

pub use budget::TimeBudget;
pub use engine::Inspector;
pub use findings::{Examined, Findings, GuardReport};
pub use sighting::Sighting;
pub use signatures::CompileError;
pub use stream::{HeldBytes, Holding, StreamInspector};
