//! Views, detectors, and the cache of findings. The engine looks at every segment of an exchange and reports what it saw and
//! which guards ran; it decides nothing and changes no byte.
//!
//! | file | for |
//! |---|---|
//! | `engine` | the doors: a request, an answer |
//! | `stream` | the events of a stream: texts over their borders, whole calls |
//! | `injection` | signatures and structure over all views of one text |
//! | `views`, `characters`, `spelling`, `respelling`, `vocabulary`, `encodings`, `codes` | the views of a text and the way back to its bytes |
//! | `signatures`, `rewrite`, `needs`, `bank`, `words`, `context` | compiled packs; what a pattern means; the words it needs; quotation |
//! | `examples` | the examples of packs, tried at every load |
//! | `classifier/` | how much a text reads like an attack, from trained weights |
//! | `structure/` | what is there to hide something: characters nobody sees, text that a page does not show |
//! | `joined` | text split over segments and messages |
//! | `tools`, `arguments` | tools by name, and the strings in their arguments |
//! | `declared`, `tool_schema` | the tools of a request, carried to its answer; arguments against the schema that was declared |
//! | `definitions` | definitions of tools against each other and against those seen before |
//! | `cache`, `windows`, `budget` | what keeps the work bounded |
//! | `secrets`, `own_keys`, `pii`, `sinks`, `log` | credentials (also the gateway's own), personal data, dangerous parameters; text for records |

mod arguments;
mod bank;
mod budget;
mod cache;
mod characters;
mod classifier;
mod codes;
mod context;
#[cfg(test)]
mod cpu_time;
mod declared;
mod definitions;
mod encodings;
mod engine;
mod examples;
mod findings;
mod injection;
mod joined;
mod log;
mod needs;
mod own_keys;
#[cfg(test)]
mod pack_tests;
mod pii;
mod respelling;
mod rewrite;
mod secrets;
mod sighting;
mod signatures;
mod sinks;
mod spelling;
mod stream;
mod structure;
mod tool_schema;
mod tools;
mod views;
#[cfg(test)]
mod views_tests;
mod vocabulary;
mod windows;
mod words;

pub use budget::TimeBudget;
pub use classifier::training;
pub use declared::DeclaredTools;
pub use engine::Inspector;
pub use findings::{Examined, Findings, GuardReport};
pub use sighting::Sighting;
pub use signatures::CompileError;
pub use stream::{HeldBytes, Holding, StreamInspector};
pub use tool_schema::Fit;
