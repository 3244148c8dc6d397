//! How a text was reached that stands inside another one: which disguises had to be undone, outermost first.

use std::fmt;

/// One disguise, and so the view in which it is undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ViewKind {
    /// Folded letters, invisible characters gone, white space as single spaces.
    Normalised,
    /// Letters of other scripts read as the Latin ones that they resemble.
    LookAlike,
    /// Letters that stood apart, written together.
    Spaced,
    /// Digits and signs read as letters.
    Leet,
    /// Marks of markdown or markup taken out of words.
    Markup,
    /// Words whose inner letters were out of order.
    Scrambled,
    /// Tag characters, U+E0000 and following.
    Tags,
    /// Bytes in variation selectors.
    Selectors,
    /// Base64, either alphabet (RFC 4648 §4, §5).
    Base64,
    /// Base32 (RFC 4648 §6).
    Base32,
    /// Pairs of hex digits, with or without something between them.
    Hex,
    /// Groups of eight bits.
    Binary,
    /// Numbers of characters, decimal or octal.
    CharCodes,
    /// Morse code (ITU-R M.1677).
    Morse,
    /// Percent-encoding (RFC 3986 §2.1), and `%uXXXX`.
    Percent,
    /// Character references of HTML.
    Entities,
    /// Escapes of programming languages: `\u`, `\x`.
    Escapes,
    /// Letters moved by thirteen.
    Rot13,
    /// Letters backwards.
    Reversed,
    /// Words backwards.
    WordsReversed,
    /// Letters upside down, and so backwards.
    UpsideDown,
    /// What a page, a README or a paper does not show to people.
    Hidden,
}

impl ViewKind {
    /// The name used in records and tests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normalised => "normalised",
            Self::LookAlike => "look_alike",
            Self::Spaced => "spaced",
            Self::Leet => "leet",
            Self::Markup => "markup",
            Self::Scrambled => "scrambled",
            Self::Tags => "tag_characters",
            Self::Selectors => "variation_selectors",
            Self::Base64 => "base64",
            Self::Base32 => "base32",
            Self::Hex => "hex",
            Self::Binary => "binary",
            Self::CharCodes => "char_codes",
            Self::Morse => "morse",
            Self::Percent => "percent",
            Self::Entities => "entities",
            Self::Escapes => "escapes",
            Self::Rot13 => "rot13",
            Self::Reversed => "reversed",
            Self::WordsReversed => "words_reversed",
            Self::UpsideDown => "upside_down",
            Self::Hidden => "hidden",
        }
    }

    /// Whether the view is the text around it but for some words, so that most of what is seen in it stands there as well.
    fn is_respelling(self) -> bool {
        matches!(self, Self::LookAlike | Self::Spaced | Self::Leet | Self::Markup | Self::Scrambled)
    }

    /// Whether text takes this form by itself: nobody hides anything by writing `&amp;` or `%20`.
    fn is_everyday(self) -> bool {
        matches!(self, Self::Normalised | Self::Entities | Self::Percent | Self::Escapes)
    }
}

/// The way to a view. Shown as `base64 → rot13`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Via {
    steps: [Option<ViewKind>; Self::STEPS],
    /// Whether a step that is not an everyday one was taken, kept or not.
    encoded: bool,
}

impl Via {
    /// Steps that are kept: three encodings and a spelling. Of a longer way, the first three and the last.
    pub const STEPS: usize = 4;

    /// One step further in. Normalising twice is one step.
    #[must_use]
    pub fn then(mut self, kind: ViewKind) -> Self {
        self.encoded |= !kind.is_everyday();
        if kind == ViewKind::Normalised && self.last() == Some(kind) {
            return self;
        }
        let free = self.steps.iter().position(Option::is_none).unwrap_or(Self::STEPS - 1);
        if let Some(step) = self.steps.get_mut(free) {
            *step = Some(kind);
        }
        self
    }

    /// Whether the text was written so that a reader would not see it.
    pub fn is_encoded(self) -> bool {
        self.encoded
    }

    /// The innermost step.
    pub fn last(self) -> Option<ViewKind> {
        self.steps.into_iter().flatten().last()
    }

    /// The steps, outermost first.
    pub fn steps(self) -> impl Iterator<Item = ViewKind> {
        self.steps.into_iter().flatten()
    }

    /// Whether a step only respelled some words.
    pub fn is_respelled(&self) -> bool {
        self.steps().any(ViewKind::is_respelling)
    }

    /// The names of the steps, outermost first.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.steps().map(ViewKind::name)
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names().enumerate() {
            f.write_str(if index == 0 { "" } else { " → " })?;
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Via({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn way_is_told_in_full_and_of_a_longer_one_the_first_three_steps_and_the_last() {
        let way = |kinds: &[ViewKind]| kinds.iter().fold(Via::default(), |via, &kind| via.then(kind)).to_string();
        use ViewKind::{Base64, Hex, LookAlike, Normalised, Reversed, Rot13};
        assert_eq!(way(&[]), "");
        assert_eq!(way(&[Base64, Base64, Rot13, Normalised]), "base64 → base64 → rot13 → normalised");
        assert_eq!(way(&[Hex, Reversed, Base64, Normalised, LookAlike]), "hex → reversed → base64 → look_alike");
        assert_eq!(way(&[Normalised, Normalised]), "normalised");
    }

    #[test]
    fn everyday_forms_alone_are_no_sign_of_hiding() {
        let via = Via::default().then(ViewKind::Percent).then(ViewKind::Normalised).then(ViewKind::Entities);
        assert!(!via.is_encoded() && !Via::default().is_encoded());
        assert!(via.then(ViewKind::Escapes).then(ViewKind::Base64).then(ViewKind::Normalised).is_encoded());
    }
}
