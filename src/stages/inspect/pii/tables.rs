//! The tables in `policies/README.md` that are made of the code.

use super::KINDS;

/// Holds the table between the marks of this name against `wanted`; with `UPDATE_TABLES=1` in the environment writes it there.
pub(in super::super) fn hold(name: &str, wanted: &str) {
    let text = include_str!("../../../../policies/README.md");
    let (begin, end) = (format!("<!-- table: {name} -->\n"), format!("\n<!-- end: {name} -->"));
    let from = text.find(&begin).expect("the table's first mark") + begin.len();
    let to = from + text[from..].find(&end).expect("the table's last mark");
    if std::env::var_os("UPDATE_TABLES").is_some() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/README.md");
        std::fs::write(path, format!("{}{wanted}{}", &text[..from], &text[to..])).expect("the table is written");
        return;
    }
    for (is, wanted) in text[from..to].lines().zip(wanted.lines()) {
        assert_eq!(is, wanted, "policies/README.md is not what the code checks: run this test with UPDATE_TABLES=1");
    }
    assert_eq!(text[from..to].lines().count(), wanted.lines().count(), "run this test with UPDATE_TABLES=1");
}

#[test]
fn operators_table_says_what_the_kinds_check() {
    let head = ["| id | label | what is checked |".to_owned(), "|---|---|---|".to_owned()];
    let rows = KINDS.iter().map(|kind| format!("| `{}` | `[{}]` | {} |", kind.rule(), kind.label(), kind.what()));
    hold("pii", &head.into_iter().chain(rows).collect::<Vec<_>>().join("\n"));
}
