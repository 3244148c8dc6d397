//! Data that must be found whole, and numbers that belong to nobody.

use super::super::cpu_time::cpu_time_of;
use super::*;
use proptest::prelude::*;

fn scan(text: &str) -> Vec<Sighting> {
    let mut out = Vec::new();
    Pii::compile().scan(text, &mut out);
    let mut end = 0;
    for sighting in &out {
        assert!(text.get(sighting.span.clone()).is_some_and(|found| !found.is_empty()), "span fits: {sighting:?}");
        assert!(sighting.span.start >= end, "apart and in order");
        end = sighting.span.end;
    }
    out
}

fn seen(text: &str) -> Vec<(&'static str, String)> {
    scan(text).iter().map(|found| (found.label, text[found.span.clone()].to_owned())).collect()
}

#[track_caller]
fn only(text: &str, label: &str, value: &str) {
    let found = seen(text);
    assert!(matches!(found.as_slice(), [(l, v)] if *l == label && v == value), "{text}: {found:?}");
}

#[track_caller]
fn silent(text: &str) {
    let found: Vec<_> = scan(text).into_iter().filter(|found| found.score >= 0.5).collect();
    assert!(found.is_empty(), "{text}: {found:?}");
}

#[test]
fn email_is_found_whole() {
    for (text, value) in [
        ("write to jane.doe+x@example.co.uk.", "jane.doe+x@example.co.uk"),
        ("<a@b.io>", "a@b.io"),
        ("email=a_b@c-d.org&x=1", "a_b@c-d.org"),
        ("mailto:a@b.io?subject=1", "a@b.io"),
        ("メールはtest@example.comです", "test@example.com"),
        ("Schreib müller@bäcker.de!", "müller@bäcker.de"),
        ("sean.o'brien@x.com", "sean.o'brien@x.com"),
        ("'a@b.io'", "a@b.io"),
        ("see a@b.io.Then go", "a@b.io.Then"),
        ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
        ("x@y.example.5", "x@y.example"),
    ] {
        only(text, "EMAIL", value);
    }
    assert_eq!(seen("a@b.io,c@d.io").len(), 2);
    assert_eq!(seen("+4915112345678+4915112345679").len(), 2);
}

#[test]
fn what_only_holds_an_at_sign_is_no_email() {
    for text in [
        "user@host",
        "git@github.com:org/repo.git",
        "npm i react@18.2.0",
        "icon@2x.png",
        "@angular/core",
        "a @ b.com",
        "me@",
        "@b.com x",
        "a.@b.com",
        "f@..com",
    ] {
        silent(text);
    }
}

#[test]
fn card_is_found_by_range_length_and_luhn() {
    for value in [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "5555555555554444",
        "2223003122003222",
        "378282246310005",
        "3782 822463 10005",
        "6011111111111117",
        "3530111333300000",
        "30569309025904",
        "6200000000000005",
        "4222222222222",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
    ] {
        only(&format!("card {value} thanks"), "CREDIT_CARD", value);
        only(&format!("卡号{value}。"), "CREDIT_CARD", value);
        only(value, "CREDIT_CARD", value);
    }
    only("4111 1111 1111 1111 12/27 123", "CREDIT_CARD", "4111 1111 1111 1111");
    only("pay\\n4111111111111111\\nnow", "CREDIT_CARD", "4111111111111111");
}

#[test]
fn numbers_that_are_not_cards_stay_silent() {
    for text in [
        "4111111111111112",
        "order 1234567890123456",
        "1700000000000000 µs, 1700000000000 ms",
        "0.4111111111111111",
        "a4111111111111111b",
        "00000000-0000-4111-1111-111111111111",
        "0000 0000 0000 0000",
        "4111111111111111.5",
        "41111111111111111111111111",
    ] {
        silent(text);
    }
}

#[test]
fn iban_is_found_by_length_and_check_digits() {
    for value in [
        "DE89370400440532013000",
        "DE89 3704 0044 0532 0130 00",
        "GB29 NWBK 6016 1331 9268 19",
        "FR14 2004 1010 0505 0001 3M02 606",
        "NO93 8601 1117 947",
        "nl91abna0417164300",
        "DE89-3704-0044-0532-0130-00",
    ] {
        only(&format!("IBAN: {value}, bitte"), "IBAN", value);
    }
    for text in [
        "DE88370400440532013000",
        "DE8937040044053201300",
        "XX89370400440532013000",
        "XDE89370400440532013000",
        // A UUID whose signs pass the check digits.
        "id ba831bba-0ba9-4d64-8f5a-aaaaa00a0aaa",
    ] {
        silent(text);
    }
}

#[test]
fn social_security_number_needs_dashes_or_a_word() {
    only("123-45-6789", "US_SSN", "123-45-6789");
    only("my SSN is 123456789.", "US_SSN", "123456789");
    only("Social Security: 123 45 6789", "US_SSN", "123 45 6789");
    for text in [
        "123456789",
        "123 45 6789",
        "000-12-3456",
        "666-12-3456",
        "900-12-3456",
        "123-00-4567",
        "123-45-0000",
        "1123-45-6789",
        "123-45-67890",
        "a-123-45-6789-b",
    ] {
        silent(text);
    }
}

#[test]
fn phone_is_found_with_a_plus_with_separators_or_with_a_word() {
    for (text, value) in [
        ("+14155552671", "+14155552671"),
        ("ring +49 30 901820, please", "+49 30 901820"),
        ("+44 (0)20 7946 0958", "+44 (0)20 7946 0958"),
        ("+1 (415) 555-2671", "+1 (415) 555-2671"),
        ("(415) 555-2671", "(415) 555-2671"),
        ("415-555-2671", "415-555-2671"),
        ("415.555.2671 is mine", "415.555.2671"),
        ("1-800-555-0199", "1-800-555-0199"),
        ("06 12 34 56 78", "06 12 34 56 78"),
        ("030 / 901820", "030 / 901820"),
        ("0171 1234567", "0171 1234567"),
        ("020 7946 0958", "020 7946 0958"),
        ("call me: 5552671", "5552671"),
        ("Tel. 4155552671", "4155552671"),
        ("電話は+81 3-1234-5678です", "+81 3-1234-5678"),
    ] {
        only(text, "PHONE", value);
    }
}

#[test]
fn numbers_that_are_not_phones_stay_silent() {
    for text in [
        "4155552671",
        "2024-01-15 10:30:00",
        "2024-01-15T10:30:00.123456Z",
        "01/02/2024 12:30",
        "01.02.2024",
        "1,234,567.89",
        "3.14159265358979",
        "550e8400-e29b-41d4-a716-446655440000",
        "550e8400-e29b-4155-5552-671000000000",
        "ISBN 978-3-16-148410-0",
        "x=+5 y=+12",
        "1 2 3 4 5 6 7 8 9 10",
        "10 20 30 40 50",
        "pages 100-200, 300-400",
        "UTC+0200",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "call it on 2024-01-15",
        "1699999999",
        "$1234567",
        "order 20240115-000123",
        "ratio 415:555:2671",
    ] {
        silent(text);
    }
}

#[test]
fn addresses_of_machines_are_found_and_private_ones_count_less() {
    for value in ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2001:4860:0:0:0:0:0:8888"] {
        for text in
            [format!("from {value}."), format!("http://{value}/x").replace("http://2", "[2"), format!("ip={value},")]
        {
            only(&text, "IP_ADDRESS", value);
        }
    }
    let score = |text: &str| scan(text).first().map(|found| found.score);
    let public = score("8.8.8.8").expect("found");
    for text in
        ["10.0.0.1", "192.168.1.1", "127.0.0.1", "203.0.113.9", "fe80::1", "::1", "2001:db8::1", "::ffff:10.0.0.1"]
    {
        assert!(score(text).is_some_and(|private| private < public), "{text}: {:?}", score(text));
    }
}

#[test]
fn versions_times_and_paths_are_no_addresses() {
    for text in [
        "v1.2.3.4",
        "version 1.2.3.4",
        "Chrome/120.0.0.0",
        "1.2.3.4.5",
        "256.1.1.1",
        "1.2.3",
        "01.2.3.4",
        "12:30:45",
        "std::fs::File",
        "a::b",
        "00:1a:2b:3c:4d:5e",
        "release 10.20.30.40",
        "::",
        "key::value1",
    ] {
        silent(text);
    }
}

#[test]
fn flood_becomes_one_sighting_to_the_end() {
    let text = "a@b.io ".repeat(MAX_SIGHTINGS + 9);
    let found = scan(&text);
    assert_eq!(found.len(), MAX_SIGHTINGS + 1);
    assert_eq!(found.last().map(|last| (last.rule.as_str(), last.span.end)), Some(("pii.too-many", text.len())));
}

#[test]
fn adversarial_text_costs_linear_time() {
    let deep = format!("{} {}", "1 ".repeat(23), "1".repeat(2_000));
    for unit in [
        "1",
        "1 ",
        "1-",
        "(1",
        "+1",
        "@",
        "a@",
        "a.@1.",
        "1:",
        "::",
        "a:",
        "1.",
        "DE12",
        "DE12 ",
        "12 34",
        "A1",
        "a1 ",
        "0x",
        "bc1q",
        "1A",
        "IL 62704 ",
        "dob 1/1/80 ",
        "st 1, IL 62704 ",
        "(1 2 3 4) ",
        "11 ",
        "\u{e9}1",
        &deep,
    ] {
        let text = unit.repeat(100_000 / unit.len());
        let took = cpu_time_of(|| {
            scan(&text);
        });
        assert!(took.as_millis() < 1_500, "{:?} took {took:?}", unit.get(..8).unwrap_or(unit));
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_spans_fit(
        parts in prop::collection::vec(prop_oneof![".{0,5}", "[0-9]{1,5}", "[ .:@/()+-]{1,3}", "[a-fA-F0-9:]{1,9}", "[a-zé]{1,4}"], 0..20)
    ) {
        scan(&parts.concat());
    }

    #[test]
    fn every_grouping_of_a_true_card_is_found(separator in "[ -]?", random in prop::collection::vec(0u8..10, 14)) {
        let mut digits = vec![4];
        digits.extend(&random);
        let sum: u32 = digits.iter().rev().enumerate().map(|(index, digit)| {
            let value = u32::from(*digit) * if index % 2 == 0 { 2 } else { 1 };
            value / 10 + value % 10
        }).sum();
        digits.push(u8::try_from((10 - sum % 10) % 10).unwrap());
        let groups: Vec<String> = digits.chunks(4).map(|four| four.iter().map(|digit| digit.to_string()).collect()).collect();
        let card = groups.join(&separator);
        prop_assert_eq!(seen(&format!("pay {card} now")), [("CREDIT_CARD", card.clone())]);
    }

    #[test]
    fn hex_identifiers_hold_nothing_personal(id in "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{11}[a-f]", hash in "[0-9a-f]{63}[a-f]") {
        let found: Vec<_> = scan(&format!("id {id} sha {hash}")).into_iter().filter(|found| found.score >= 0.5).collect();
        prop_assert!(found.is_empty(), "{:?}", found);
    }
}
