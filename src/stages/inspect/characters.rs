//! What single characters mean to a reader: which are invisible, what they fold to, and what they look like.
//!
//! Folding is NFKC without the marks that Latin, Greek, Cyrillic and Arabic letters carry, in lower case. Scripts whose
//! marks are part of the word (Devanagari, Thai, kana, Hangul) keep theirs. Sources: Unicode 15 DerivedCoreProperties
//! (Default_Ignorable_Code_Point), UTS #39 for the idea of look-alikes (the table is our own and small).

use super::views::Case;
use unicode_normalization::char::decompose_compatible;

/// Whether a reader sees nothing of it: zero-width, bidi controls, tags, variation selectors, fillers, control bytes.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{8}' | '\u{E}'..='\u{1F}' | '\u{7F}'..='\u{84}' | '\u{86}'..='\u{9F}' | '\u{AD}' | '\u{34F}' | '\u{61C}'
        | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
        | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E0FFF}')
}

/// Marks that can be piled on a letter without changing the word.
fn is_removable_mark(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36F}' | '\u{483}'..='\u{489}' | '\u{64B}'..='\u{65F}' | '\u{670}' | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

/// Letters that stand for themselves: taking them apart would lose part of the word.
pub(super) fn stands_for_itself(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}')
}

/// Whether it is an ASCII letter or digit in another dress: full width, mathematical, circled, raised, or a digit of another script.
pub(super) fn is_styled(c: char) -> bool {
    matches!(c,
        '\u{660}'..='\u{669}' | '\u{6F0}'..='\u{6F9}' | '\u{966}'..='\u{96F}'
        | '\u{2070}'..='\u{209C}' | '\u{2460}'..='\u{24FF}' | '\u{FF10}'..='\u{FF19}' | '\u{FF20}'..='\u{FF3A}' | '\u{FF3F}'
        | '\u{FF41}'..='\u{FF5A}' | '\u{1D400}'..='\u{1D7FF}' | '\u{1F130}'..='\u{1F189}' | '\u{1F1E6}'..='\u{1F1FF}' | '\u{1FBF0}'..='\u{1FBF9}')
}

/// Gives the folded form of one character in lower case; nothing for an invisible one or a removable mark.
pub(super) fn fold_char(c: char, emit: impl FnMut(char)) {
    fold_char_in(c, Case::Lowered, emit);
}

/// The same, with capital letters lowered or kept.
pub(super) fn fold_char_in(c: char, case: Case, mut emit: impl FnMut(char)) {
    if c.is_ascii() {
        if !is_invisible(c) {
            emit(if case == Case::Lowered { c.to_ascii_lowercase() } else { c });
        }
        return;
    }
    if stands_for_itself(c) {
        emit(c);
        return;
    }
    if is_invisible(c) {
        return;
    }
    if let Some(letter) = boxed_letter(c).or_else(|| digit_of_another_script(c)) {
        emit(letter);
        return;
    }
    decompose_compatible(c, |part| {
        if is_removable_mark(part) {
            return;
        }
        if case == Case::Kept && part.is_ascii() {
            emit(part);
            return;
        }
        for lower in part.to_lowercase().filter(|&lower| !is_removable_mark(lower)) {
            match lower {
                'ß' => ["s", "s"].iter().for_each(|_| emit('s')),
                'æ' => ['a', 'e'].into_iter().for_each(&mut emit),
                'œ' => ['o', 'e'].into_iter().for_each(&mut emit),
                'ı' => emit('i'),
                'ł' => emit('l'),
                'ø' => emit('o'),
                'đ' => emit('d'),
                '\u{2018}' | '\u{2019}' | '\u{201A}' | '\u{201B}' | '\u{2039}' | '\u{203A}' => emit('\''),
                '\u{201C}'..='\u{201F}' | '«' | '»' | '「' | '」' | '『' | '』' => emit('"'),
                '\u{2010}'..='\u{2015}' | '\u{2212}' => emit('-'),
                '。' | '\u{B7}' | '\u{2022}' | '\u{2219}' | '\u{22C5}' | '\u{2027}' | '\u{25CF}' => emit('.'),
                '、' => emit(','),
                other => emit(other),
            }
        }
    });
}

/// Letters in circles, boxes and flags that compatibility decomposition leaves alone.
fn boxed_letter(c: char) -> Option<char> {
    let first = match c {
        '\u{1F150}'..='\u{1F169}' => 0x1F150,
        '\u{1F170}'..='\u{1F189}' => 0x1F170,
        '\u{1F1E6}'..='\u{1F1FF}' => 0x1F1E6,
        _ => return None,
    };
    let index = u8::try_from(u32::from(c).saturating_sub(first)).ok()?;
    Some(char::from(b'a'.saturating_add(index.min(25))))
}

fn digit_of_another_script(c: char) -> Option<char> {
    let zero = match c {
        '\u{660}'..='\u{669}' => 0x660,
        '\u{6F0}'..='\u{6F9}' => 0x6F0,
        '\u{966}'..='\u{96F}' => 0x966,
        _ => return None,
    };
    char::from_digit(u32::from(c).saturating_sub(zero), 10)
}

/// The letter that a turned letter is when the page is turned; `n` and `u`, `b` and `q`, `d` and `p` turn into each other.
pub(super) fn turned(c: char) -> char {
    match c {
        'ɐ' => 'a',
        'ɔ' => 'c',
        'ǝ' | 'ə' => 'e',
        'ɟ' => 'f',
        'ƃ' | 'ɓ' => 'g',
        'ɥ' => 'h',
        'ᴉ' | 'ı' => 'i',
        'ɾ' | 'ſ' => 'j',
        'ʞ' => 'k',
        'ꞁ' | 'ʃ' => 'l',
        'ɯ' => 'm',
        'ɹ' => 'r',
        'ʇ' => 't',
        'ʌ' => 'v',
        'ʍ' => 'w',
        'ʎ' => 'y',
        'n' => 'u',
        'u' => 'n',
        'b' => 'q',
        'q' => 'b',
        'd' => 'p',
        'p' => 'd',
        other => other,
    }
}

/// Whether it is a turned letter that hardly anybody writes upright.
pub(super) fn is_turned(c: char) -> bool {
    !c.is_ascii() && turned(c).is_ascii()
}

/// The Latin letter that a folded character looks like, if it is a letter of another script (or a small capital).
pub(super) fn looks_like(c: char) -> Option<char> {
    Some(match c {
        'а' | 'α' | 'ɑ' | 'ᴀ' | 'ӕ' => 'a',
        'в' | 'β' | 'ь' | 'ʙ' => 'b',
        'с' | 'ϲ' | 'ᴄ' => 'c',
        'ԁ' | 'ᴅ' | 'ɖ' => 'd',
        'е' | 'ε' | 'є' | 'ҽ' | 'ᴇ' | 'ə' => 'e',
        'ғ' | 'ϝ' | 'ꜰ' => 'f',
        'ɡ' | 'ց' | 'ɢ' | 'ԍ' => 'g',
        'һ' | 'н' | 'հ' | 'ʜ' => 'h',
        'і' | 'ι' | 'ɪ' | 'ӏ' | 'ɩ' => 'i',
        'ј' | 'ϳ' | 'ᴊ' => 'j',
        'к' | 'κ' | 'ᴋ' | 'қ' => 'k',
        'ʟ' | 'ⅼ' => 'l',
        'м' | 'ᴍ' | 'ϻ' => 'm',
        'п' | 'η' | 'ո' | 'ռ' | 'ɴ' => 'n',
        'о' | 'ο' | 'օ' | 'σ' | 'ᴏ' | 'ө' => 'o',
        'р' | 'ρ' | 'ᴘ' | 'ҏ' => 'p',
        'ԛ' | 'գ' => 'q',
        'г' | 'ʀ' | 'я' | 'ᴦ' => 'r',
        'ѕ' | 'ꜱ' | 'ʂ' => 's',
        'т' | 'τ' | 'ᴛ' => 't',
        'υ' | 'ս' | 'ᴜ' | 'ц' => 'u',
        'ν' | 'ѵ' | 'ᴠ' => 'v',
        'ԝ' | 'ω' | 'ш' | 'ա' | 'ᴡ' => 'w',
        'х' | 'χ' | 'ҳ' => 'x',
        'у' | 'γ' | 'ү' | 'ʏ' => 'y',
        'ᴢ' | 'ʐ' => 'z',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        let mut out = String::new();
        text.chars().for_each(|c| fold_char(c, |f| out.push(f)));
        out
    }

    #[test]
    fn styled_letters_fold_to_plain_lower_case() {
        assert_eq!(folded("ＩＧＮＯＲＥ"), "ignore");
        assert_eq!(folded("𝐈𝖌𝓃𝕠𝚛𝑒"), "ignore");
        assert_eq!(folded("Ⓘⓖ🅽🅞🇷e"), "ignore");
        assert_eq!(folded("I\u{334}\u{345}g\u{20DD}n\u{336}ore"), "ignore");
    }

    #[test]
    fn letters_keep_their_word_in_every_script() {
        assert_eq!(folded("Größe Æther ÉTÉ"), "grosse aether ete");
        assert_eq!(folded("Игнорируй"), "игнорируи");
        assert_eq!(folded("हिन्दी"), "हिन्दी");
        assert_eq!(folded("がっこう 한국어 中文"), "がっこう 한국어 中文");
    }

    #[test]
    fn invisible_characters_fold_to_nothing() {
        assert_eq!(folded("i\u{200B}g\u{AD}n\u{202E}o\u{FE0F}r\u{E0041}e\u{0}"), "ignore");
    }
}
