//! What an attacker, a tired operator or a broken disk could hand us.

use super::*;
use proptest::prelude::*;

/// Every way of writing a key in a wrong place that we could think of: it must appear in no output.
#[test]
fn a_key_in_a_wrong_place_is_shown_nowhere() {
    let secret = "sk-live-1234567890abcdefghijklmnop";
    let wrong = [
        gateway_with("api_key: '${env:KEY?}'", &format!("api_key: {{ {secret}: 1 }}")),
        gateway_with("api_key: '${env:KEY?}'", &format!("apikey: {secret}")),
        gateway_with("api_key: '${env:KEY?}'", &format!("api_key: '{secret} '")),
        gateway_with("api_key: '${env:KEY?}'", &format!("api_key: [{secret}]")),
        gateway_with("api_key: '${env:KEY?}'", &format!("api_key: '{secret}', api_key: '{secret}'")),
        gateway_with("api_key: '${env:KEY?}'", &format!("api_key '{secret}'")),
        gateway_with("api_key: '${env:KEY?}'", &format!("api_key: '${{{secret}}}'")),
        gateway_with("api_key: '${env:KEY?}'", &format!("api_key: >-\n   x\n   {secret}\n  ")),
        gateway_with("api_key: '${env:KEY?}'", &format!("headers: {{ x: {secret} }}")),
        gateway_with("api_key: '${env:KEY?}'", &format!("api_key: &a {secret}")),
        gateway_with("api_key: '${env:KEY?}'", &format!("base_url: 'https://{secret}@host'")),
        gateway_with("provider: openai,", &format!("provider: {secret},")),
        gateway_with("policy: default", &format!("policy: {secret}")),
        gateway_with("access: open", &format!("access: {secret}")),
        gateway_with("  demo:", &format!("  {secret}: {{}}\n  demo:")),
        gateway_with("127.0.0.1:8080", secret),
        format!("{GATEWAY}? {secret}\n"),
        format!("{GATEWAY}api_key:\n    {secret}\n   x\n"),
    ];
    for gateway in wrong {
        let faults = load_files(&[("gateway.yaml", &gateway)]).expect_err(&gateway);
        let all = format!("{}{}{faults}{:?}", faults.render(), faults.summary(), faults);
        assert!(!all.contains("sk-live"), "{gateway}\n{all}");
    }
}

#[test]
fn what_a_reference_leads_to_is_shown_nowhere() {
    let gateway = gateway_with("127.0.0.1:8080", "${env:SET}").replace("name: chat", "name: 'a ${env:SET}'")
        + "tracing: { endpoint: '${env:SET}' }\nlimits: { head: '${env:SET}' }\n";
    let faults = load_files(&[("gateway.yaml", &gateway)]).unwrap_err();
    assert!(faults.count() >= 4);
    assert!(!format!("{}{:?}", faults.render(), faults).contains("from-the-environment"));
}

#[test]
fn files_that_are_not_text_and_files_that_are_too_large_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gateway.yaml");
    std::fs::write(&path, b"a: 1\nb: \xff\n").unwrap();
    let faults = load(&path, &|_| None).unwrap_err();
    assert_eq!((faults.list()[0].line, faults.list()[0].column), (2, 4));
    assert!(!faults.any_unreadable());
    std::fs::write(&path, vec![b' '; (4 << 20) + 1]).unwrap();
    assert!(load(&path, &|_| None).unwrap_err().any_unreadable());
    assert!(load(&directory.path().join("none.yaml"), &|_| None).unwrap_err().any_unreadable());
}

#[test]
fn a_file_with_thousands_of_faults_is_answered_with_a_bounded_list() {
    let gateway: String = (0..5_000).map(|n| format!("unknown{n}: 1\n")).collect();
    let faults = load_files(&[("gateway.yaml", &gateway)]).unwrap_err();
    assert!(faults.count() > 5_000 && faults.list().len() == super::super::MAX_FAULTS);
}

#[test]
fn a_file_of_one_line_full_of_faults_is_answered_without_copying_the_line_for_each() {
    let gateway = format!("{{{}}}", (0..12_000).map(|n| format!("unknown{n}: 1,")).collect::<String>());
    let faults = load_files(&[("gateway.yaml", &gateway)]).unwrap_err();
    assert!(faults.render().len() < 200_000);
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..30 {
        let before = format!("*a{}, ", n - 1).repeat(9);
        bomb.push_str(&format!("a{n}: &a{n} [{before}]\n"));
    }
    assert!(load_files(&[("gateway.yaml", &bomb)]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let directory = tempfile::tempdir().unwrap();
        write_all(directory.path(), &[("policies/p.yaml", POLICY)]);
        let path = directory.path().join("gateway.yaml");
        std::fs::write(&path, bytes).unwrap();
        if let Err(faults) = load(&path, &|_| None) {
            prop_assert!(!faults.render().is_empty() && !faults.summary().is_empty());
        }
    }

    /// A valid file with a piece cut out, doubled or replaced: loads, or is refused with places inside the file.
    #[test]
    fn mutated_files_never_panic(at in 0usize..3_000, len in 0usize..40, insert in "[ :\\-\\[\\]{}'\"#&*!|>%@,\\na-zäß0-9$]{0,6}", which in 0usize..3) {
        let secret = "sk-live-1234567890abcdefghijklmnop";
        let shipped = include_str!("../../../gateway.yaml").replace("${env:OPENAI_API_KEY?}", secret);
        let mut texts = [shipped.clone(), POLICY.to_owned(), PACK.to_owned()];
        let text = &mut texts[which];
        let start = text.char_indices().map(|(byte, _)| byte).nth(at % text.chars().count()).unwrap();
        let end = text[start..].char_indices().map(|(byte, _)| start + byte).nth(len).unwrap_or(text.len());
        text.replace_range(start..end, &insert);
        let [gateway, policy, pack] = &texts;
        let files = [("gateway.yaml", gateway.as_str()), ("policies/default.yaml", policy), ("policies/pack.yaml", pack)];
        if let Err(faults) = load_files(&files) {
            prop_assert!(!faults.render().is_empty());
            prop_assert!(!faults.render().contains(secret) && !faults.summary().contains(secret));
            for fault in faults.list() {
                prop_assert!(fault.line <= shipped.lines().count() + 8, "{fault:?}");
            }
        }
    }
}
