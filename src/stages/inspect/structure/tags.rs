//! Reads HTML tags as far as is needed to tell what a page does not show. Source: HTML Living Standard §13.2.5 (tokenization),
//! §15.3.1 (hidden elements); CSS Display 3, CSS Color 4. Forgiving as browsers are: the question is what they would show.

use std::ops::Range;

/// Longest tag that is read, in bytes; inline images in attributes are longer and hide no text.
const LONGEST_TAG: usize = 2048;

/// A tag of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag<'t> {
    /// As written.
    pub name: &'t str,
    pub is_closing: bool,
    /// `<br/>`.
    pub closes_itself: bool,
    /// Names as written, values without quotes, and where the values stand in the text.
    pub attributes: Vec<(&'t str, &'t str, Range<usize>)>,
    /// Behind its `>`.
    pub end: usize,
}

/// Reads the tag that begins at `start`, where a `<` stands. A `<` outside of quotes ends the attempt, so that a text full of
/// them is read in linear time.
pub(super) fn tag_at(text: &str, start: usize) -> Option<Tag<'_>> {
    let bytes = text.as_bytes();
    let limit = bytes.len().min(start.saturating_add(LONGEST_TAG));
    let byte = |at: usize| bytes.get(at).copied().filter(|_| at < limit);
    let is_closing = byte(start.saturating_add(1)) == Some(b'/');
    let name_start = start.saturating_add(1).saturating_add(usize::from(is_closing));
    byte(name_start).filter(u8::is_ascii_alphabetic)?;
    let ends_name = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/' | b'<' | b'=' | b'"' | b'\'');
    let run = |from: usize, stops: &dyn Fn(u8) -> bool| {
        let mut at = from;
        while byte(at).is_some_and(|byte| !stops(byte)) {
            at = at.saturating_add(1);
        }
        at
    };
    let mut at = run(name_start, &ends_name);
    let name = text.get(name_start..at)?;
    let mut attributes = Vec::new();
    let mut closes_itself = false;
    loop {
        match byte(at)? {
            b'>' => return Some(Tag { name, is_closing, closes_itself, attributes, end: at.saturating_add(1) }),
            b'<' => return None,
            b'/' => {
                closes_itself = byte(at.saturating_add(1)) == Some(b'>');
                at = at.saturating_add(1);
            }
            other if other.is_ascii_whitespace() || matches!(other, b'"' | b'\'' | b'=') => at = at.saturating_add(1),
            _ => {
                let end = run(at, &ends_name);
                let key = text.get(at..end)?;
                let after = run(end, &|byte| !byte.is_ascii_whitespace());
                if byte(after) != Some(b'=') {
                    attributes.push((key, "", end..end));
                    at = end.max(at.saturating_add(1));
                    continue;
                }
                let from = run(after.saturating_add(1), &|byte| !byte.is_ascii_whitespace());
                let value = match byte(from)? {
                    quote @ (b'"' | b'\'') => {
                        let from = from.saturating_add(1);
                        let to = run(from, &|byte| byte == quote);
                        byte(to)?;
                        at = to.saturating_add(1);
                        from..to
                    }
                    _ => {
                        at = run(from, &|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'<'));
                        from..at
                    }
                };
                attributes.push((key, text.get(value.clone())?, value));
            }
        }
    }
}

impl Tag<'_> {
    pub fn is(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.name.eq_ignore_ascii_case(name))
    }

    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, ..)| key.eq_ignore_ascii_case(name)).map(|(_, value, _)| *value)
    }

    /// Whether what stands in the element is not shown.
    pub fn hides(&self) -> bool {
        const NEVER_SHOWN: [&str; 11] = [
            "template", "noscript", "noembed", "noframes", "desc", "metadata", "style", "dialog", "datalist", "script",
            "title",
        ];
        const CLASSES: [&str; 7] =
            ["sr-only", "visually-hidden", "hidden", "d-none", "invisible", "screen-reader-text", "offscreen"];
        let by_class = |classes: &str| {
            classes.split_ascii_whitespace().any(|class| CLASSES.iter().any(|known| class.eq_ignore_ascii_case(known)))
        };
        self.is(&NEVER_SHOWN)
            || self.attribute("hidden").is_some()
            || self.attribute("aria-hidden").is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || self.attribute("class").is_some_and(by_class)
            || self.attribute("style").is_some_and(style_hides)
            || (self.is(&["font"]) && self.attribute("color").is_some_and(|color| is_white(&squeezed(color))))
            || (self.is(&["text", "tspan"])
                && self.attribute("fill").is_some_and(|fill| matches!(squeezed(fill).as_str(), "none" | "transparent")))
    }
}

/// In lower case, without white space and `!important`; comments of CSS stay.
fn squeezed(text: &str) -> String {
    let mut out: String = text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_lowercase()).collect();
    while let Some(at) = out.find("!important") {
        out.replace_range(at..at.saturating_add("!important".len()), "");
    }
    out
}

/// Whether a `style` makes text invisible: not displayed, no size, no ink, or out of the page.
pub(super) fn style_hides(style: &str) -> bool {
    let style = squeezed(style);
    let declared = |name: &str| {
        style.split(';').filter_map(|declaration| declaration.split_once(':')).rev().find(|(key, _)| *key == name)
    };
    let value = |name: &str| declared(name).map(|(_, value)| value);
    let is = |name: &str, values: &[&str]| value(name).is_some_and(|value| values.contains(&value));
    let at_most = |name: &str, most: f32| value(name).and_then(number).is_some_and(|number| number <= most);
    let far_out = |name: &str| value(name).and_then(number).is_some_and(|number| number <= -400.0);
    let moved = is("position", &["absolute", "fixed"]);
    let clipped = is("overflow", &["hidden", "clip"]);
    let ground = value("background-color").or_else(|| value("background"));
    let color = value("color");
    is("display", &["none"])
        || is("visibility", &["hidden", "collapse"])
        || at_most("opacity", 0.05)
        || at_most("font-size", 2.0)
        || is("mso-hide", &["all"])
        || is("content-visibility", &["hidden"])
        || color.is_some_and(|color| {
            is_clear(color) || ground.map_or_else(|| is_white(color), |ground| same(color, ground))
        })
        || (moved && ["left", "top", "right", "bottom"].iter().any(|side| far_out(side)))
        || far_out("text-indent")
        || far_out("margin-left")
        || far_out("margin-top")
        || (clipped && ["height", "width", "max-height", "max-width"].iter().any(|side| at_most(side, 1.0)))
        || value("clip").is_some_and(|clip| clip.starts_with("rect(0") || clip.starts_with("rect(1px"))
        || value("clip-path").is_some_and(|clip| clip.starts_with("inset(100%") || clip.starts_with("inset(50%"))
        || value("transform").is_some_and(|transform| transform.contains("scale(0)") || transform.contains("scale(0,"))
        || value("filter").is_some_and(|filter| filter.contains("opacity(0"))
}

/// The number that a value begins with; `em` and `rem` count as 16 px, `vw`, `vh` and `%` as 10.
fn number(value: &str) -> Option<f32> {
    let end = value.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-' | '+')).unwrap_or(value.len());
    let (number, unit) = value.split_at_checked(end)?;
    let scale = match unit {
        "em" | "rem" => 16.0,
        "vw" | "vh" | "%" => 10.0,
        _ => 1.0,
    };
    number.parse::<f32>().ok().map(|number| number * scale)
}

fn is_white(color: &str) -> bool {
    matches!(color, "white" | "#fff" | "#ffff" | "#ffffff" | "#ffffffff" | "rgb(255,255,255)" | "#fefefe" | "#fdfdfd")
        || color.starts_with("rgba(255,255,255,")
        || color == "hsl(0,0%,100%)"
}

fn is_clear(color: &str) -> bool {
    color == "transparent" || (color.starts_with("rgba(") && (color.ends_with(",0)") || color.ends_with(",0.0)")))
}

fn same(color: &str, ground: &str) -> bool {
    color == ground || (is_white(color) && is_white(ground))
}
