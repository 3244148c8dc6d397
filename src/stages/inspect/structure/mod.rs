//! What is there to hide something from a reader: characters that nobody sees, and text that a page does not show. What was
//! hidden becomes a view, so that signatures can look at it; a pack's signatures with `view: hidden` look at nothing else.

mod characters;
mod hidden;
mod tags;
#[cfg(test)]
mod tests;

pub(super) use characters::Characters;
pub(super) use hidden::hidden_text;
