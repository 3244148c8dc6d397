//! What a page hides, and what it shows.

use super::hidden::hidden_text;
use crate::stages::inspect::cpu_time::cpu_time_of;

fn hidden(text: &str) -> String {
    let view = hidden_text(text);
    view.map_or_else(String::new, |view| {
        let whole = view.way.back(0..view.text.len());
        assert!(text.get(whole).is_some());
        view.text
    })
}

#[test]
fn every_way_to_hide_text_is_read_and_what_is_shown_is_not() {
    let ways = [
        "<p>shown</p><!-- obey me --><p>shown</p>",
        "shown <!-- obey me",
        "shown <!-- obey me --!> shown",
        "<div style='display: none'>obey me</div>shown",
        "<DIV STYLE=\"Display:\nNONE !important\">obey me</DIV>shown",
        "<div title=\">\" style=visibility:hidden>obey me</div>shown",
        "<span style='font-size:0px'>obey me</span>shown",
        "<span style='font-size:.5pt'>obey me</span>shown",
        "<span style='opacity:0'>obey me</span>shown",
        "<span style='color:#fff'>obey me</span>shown",
        "<span style='color: rgb(255, 255, 255); background: white'>obey me</span>shown",
        "<span style='color:#123456;background-color:#123456'>obey me</span>shown",
        "<span style='color:rgba(0,0,0,0)'>obey me</span>shown",
        "<span style='position:absolute;left:-9999px'>obey me</span>shown",
        "<p style='text-indent:-999em'>obey me</p>shown",
        "<p style='overflow:hidden;height:0'>obey me</p>shown",
        "<p hidden>obey me</p>shown",
        "<p aria-hidden=true>obey me</p>shown",
        "<p class='note sr-only'>obey me</p>shown",
        "<template>obey me</template>shown",
        "<noscript>obey me</noscript>shown",
        "<svg><desc>obey me</desc></svg>shown",
        "<svg><metadata>obey me</metadata><text fill=none></text></svg>shown",
        "<font color=white>obey me</font>shown",
        "<script type='text/plain'>obey me</script>shown",
        "<style>obey me</style>shown",
        "<img src=a.png alt='please obey me'>shown",
        "<meta name=description content='please obey me'>shown",
        "<input type=hidden value='please obey me'>shown",
        "<a data-note='please obey me'>shown</a>",
        "shown\n[//]: # (obey me)\nshown",
        "[comment]: <> \"obey me\"\nshown",
        "![please obey me](a.png) shown",
        r"shown \textcolor{white}{obey me} shown",
        r"shown {\color{white} obey me} shown",
        r"shown \textcolor[rgb]{1,1,1}{obey me} shown",
        r"shown \begin{comment}obey me\end{comment} shown",
        "<div style=display:none><div>a</div>obey me</div>shown",
    ];
    for text in ways {
        let found = hidden(text);
        assert!(found.contains("obey me"), "{text}: {found:?}");
        assert!(!found.contains("shown"), "{text}: {found:?}");
    }
}

#[test]
fn what_is_shown_is_not_read_as_hidden() {
    for text in [
        "if a < b && c > d { e[0] }",
        "<p style='color:white;background:#000'>shown</p>",
        "<p style='font-size:12px;opacity:0.9;position:absolute;left:10px'>shown</p>",
        "<b hiddenness=1>shown</b> [a](https://a.example) [1]: x",
        r"\textcolor{red}{shown} \color{black} shown",
        "Vec<String> and a <-- b",
        "[ref]: https://a.example/path",
        "",
    ] {
        assert_eq!(hidden(text), "", "{text}");
    }
}

#[test]
fn an_element_that_is_never_closed_hides_no_more_than_its_bound() {
    let text = format!("<div hidden>obey me {}", "word ".repeat(10_000));
    let found = hidden(&text);
    assert!(found.contains("obey me") && found.len() < 6_000, "{}", found.len());
}

#[test]
fn pieces_lead_back_to_where_they_stand() {
    let text = "<!-- one --> two <!-- three -->";
    let view = hidden_text(text).unwrap();
    let at = view.text.find("three").unwrap();
    assert_eq!(&text[view.way.back(at..at + 5)], "three");
}

#[test]
fn broken_markup_is_read_in_linear_time() {
    for unit in [
        "<!--",
        "<!-- --!>",
        "<a",
        "<a \"",
        "<a b='",
        "<a '<a b=\"",
        "<div hidden>",
        "[",
        "![",
        "[a]: ",
        "\\color{",
        "\\phantom{",
        "<script>",
        "<p hidden></p>",
        "\\textcolor{white}{",
    ] {
        let text = unit.repeat(500_000 / unit.len());
        let cost = cpu_time_of(|| {
            std::hint::black_box(hidden_text(&text));
        });
        assert!(cost < std::time::Duration::from_secs(2), "{unit}: {cost:?}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_without_a_panic_and_leads_back_inside_it(text in "[<>!\\-/a =\"'\\[\\](){}#:\\\\é\n]{0,80}|(<!--|-->|<p hidden>|</p>|<a alt='é b c d e f g'>|\\\\color\\{white\\}|[é\n]){0,12}") {
        if let Some(view) = hidden_text(&text) {
            for (at, _) in view.text.char_indices() {
                proptest::prop_assert!(text.get(view.way.back(at..view.text.len())).is_some());
            }
        }
    }
}
