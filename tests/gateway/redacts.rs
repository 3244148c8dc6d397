//! Secrets and personal data are replaced before they leave, in both directions, and what is left is still valid.

use crate::support::{Config, Gateway, Mock, Reply, Request, chat, chat_request, stream_request};
use serde_json::{Value, json};

/// A policy that redacts everything it can, in both directions.
const REDACT_ALL: &str = "policy: redact-all\nrules:\n  \
    - { id: secrets, finding: secret, action: redact }\n  \
    - { id: pii, finding: pii, action: redact }\n";

/// Name, text. Each is made of parts, so that no scanner takes this file for a leak.
fn secrets() -> Vec<(&'static str, String)> {
    vec![
        ("AWS access key", ["AKIA", "IOSFODNN7EXAMPLQ"].concat()),
        ("GitHub token", ["ghp", "_", "16C7e42F292c6912E7710c838347Ae178B4a"].concat()),
        (
            "private key",
            format!(
                "-----BEGIN RSA {key}-----\n{}\n-----END RSA {key}-----",
                "MIIEowIBAAKCAQEA7".repeat(8),
                key = "PRIVATE KEY"
            ),
        ),
        (
            "JWT",
            [
                "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
                "eyJzdWIiOiIxMjM0NTY3ODkwIn0",
                "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
            ]
            .join("."),
        ),
    ]
}

fn personal() -> Vec<(&'static str, &'static str)> {
    vec![
        ("e-mail", "jane.roe@mail-host.net"),
        ("card", "4111 1111 1111 1111"),
        ("IBAN", "DE89370400440532013000"),
        ("US SSN", "536-90-4399"),
    ]
}

fn redacting(mock: &Mock) -> Gateway {
    let config = Config::new(mock)
        .policy("redact-all.yaml", REDACT_ALL)
        .routes("  - { name: chat, path: /v1/, upstreams: [mock, claude], policy: redact-all, access: open }");
    Gateway::start(&config)
}

#[test]
fn secrets_never_reach_the_upstream_under_the_default_policy() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock));
    for (index, (name, secret)) in secrets().iter().enumerate() {
        let answer = gateway.send(&chat_request(&format!("Please store {secret} for me.")));
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        let seen = &mock.seen()[index];
        let content = seen.json()["messages"][0]["content"].as_str().unwrap().to_owned();
        assert!(!content.contains(secret.as_str()), "{name} reached the upstream: {content}");
        assert!(content.starts_with("Please store [") && content.ends_with("] for me."), "{name}: {content}");
        gateway.wait_for_records(index + 1);
        assert!(!gateway.output().contains(secret.lines().last().unwrap()), "{name} stands in a record or a log");
    }
}

#[test]
fn personal_data_is_replaced_on_the_way_out() {
    let mock = Mock::provider();
    let gateway = redacting(&mock);
    for (index, (name, text)) in personal().iter().enumerate() {
        assert_eq!(gateway.send(&chat_request(&format!("Write to {text} today."))).status, 200);
        let content = mock.seen()[index].json()["messages"][0]["content"].as_str().unwrap().to_owned();
        assert!(!content.contains(text), "{name} reached the upstream: {content}");
        assert!(content.starts_with("Write to [") && content.ends_with("] today."), "{name}: {content}");
    }
}

#[test]
fn numbers_with_a_wrong_checksum_are_left_alone() {
    let mock = Mock::provider();
    let gateway = redacting(&mock);
    let text = "order 4111 1111 1111 1112, account DE88370400440532013000";
    assert_eq!(gateway.send(&chat_request(text)).status, 200);
    assert_eq!(mock.only().body, chat(text).to_string().as_bytes());
}

#[test]
fn everything_around_a_redaction_is_forwarded_byte_for_byte() {
    let mock = Mock::provider();
    let gateway = redacting(&mock);
    let mail = "jane.roe@mail-host.net";
    let body = |text: &str| {
        format!(
            "{{ \"messages\":[{{\"role\":\"user\",\t\"content\":\"\\u00e9 \\\"{text}\\\" \\ud83d\\ude00\"}}],\n\"model\":\"m\",\"seed\":1e2 }}"
        )
    };
    let request = Request::post("/v1/chat/completions").header("content-type", "application/json").bytes(body(mail));
    assert_eq!(gateway.send(&request).status, 200);
    let seen = mock.only();
    assert_eq!(String::from_utf8_lossy(&seen.body), body("[EMAIL]"));
    assert_eq!(seen.header("content-length"), [seen.body.len().to_string()]);
}

#[test]
fn escaped_and_split_forms_are_replaced_and_the_json_stays_valid() {
    let mock = Mock::provider();
    let gateway = redacting(&mock);
    let escaped = r#"{"model":"m","messages":[{"role":"user","content":"mail jane.roe\u0040mail-host.net, \u006aane.roe@mail-host.net"}]}"#;
    let request = Request::post("/v1/chat/completions").header("content-type", "application/json").bytes(escaped);
    assert_eq!(gateway.send(&request).status, 200);
    let content = mock.only().json()["messages"][0]["content"].as_str().unwrap().to_owned();
    assert!(!content.contains("mail-host.net"), "{content}");
}

#[test]
fn secrets_in_tool_results_and_tool_arguments_are_replaced() {
    let mock = Mock::provider();
    let gateway = redacting(&mock);
    let (_, secret) = secrets().remove(0);
    let arguments = json!({"key": secret}).to_string();
    let body = json!({"model": "m", "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "store", "arguments": arguments}}]},
        {"role": "tool", "tool_call_id": "1", "content": format!("stored {secret}")}]});
    assert_eq!(gateway.send(&Request::post("/v1/chat/completions").json(&body)).status, 200);
    let seen = mock.only();
    assert!(!seen.text().contains(&secret), "{}", seen.text());
    let forwarded = seen.json()["messages"][1]["tool_calls"][0]["function"]["arguments"].as_str().unwrap().to_owned();
    serde_json::from_str::<Value>(&forwarded).expect("arguments are still JSON inside the string");
}

#[test]
fn secret_in_a_whole_answer_is_replaced() {
    let (_, secret) = secrets().remove(0);
    let mock = Mock::always(Reply::chat(&format!("Your key is {secret} now.")));
    let gateway = redacting(&mock);
    let answer = gateway.send(&chat_request("hi"));
    let body = answer.json();
    let content = body["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(
        !content.contains(&secret) && content.starts_with("Your key is [") && content.ends_with("] now."),
        "{content}"
    );
    assert_eq!(body["usage"]["total_tokens"], 15);
    assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
}

#[test]
fn secret_in_one_event_of_a_stream_is_replaced_and_the_stream_goes_on() {
    let (_, secret) = secrets().remove(0);
    let mock = Mock::always(
        Reply::stream().delta("Your key: ").delta(&format!("{secret} and more ")).delta("text").done_with_usage(),
    );
    let gateway = redacting(&mock);
    let answer = gateway.send(&stream_request("hi"));
    let text = answer.text();
    assert!(answer.whole && text.contains("[DONE]"), "{text}");
    assert!(!text.contains(&secret) && text.contains("and more "), "{text}");
    for line in text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|line| *line != "[DONE]") {
        serde_json::from_str::<Value>(line).expect("each event is still JSON");
    }
}

#[test]
fn a_line_break_inside_content_cannot_forge_an_event() {
    let mock = Mock::always(Reply::stream().delta("a\n\ndata: {\"forged\":true}\n\nevent: x").done());
    let gateway = Gateway::start(&Config::new(&mock));
    let answer = gateway.send(&stream_request("hi"));
    let forged =
        answer.text().lines().any(|line| line.starts_with("data: {\"forged\"") || line.starts_with("event: x"));
    assert!(answer.whole && !forged, "{}", answer.text());
}

#[test]
fn answer_that_a_policy_blocks_is_withheld_whole_and_streamed() {
    let policy =
        "policy: no-keys\nrules:\n  - { id: no-keys-back, finding: secret, direction: response, action: block }\n";
    let (_, secret) = secrets().remove(0);
    let whole = Reply::chat(&format!("It is {secret}."));
    let streamed = Reply::stream().delta("It is ").delta(&format!(" {secret} ")).delta("TAIL").done();
    let mock = Mock::in_order(vec![whole, streamed]);
    let config = Config::new(&mock)
        .policy("no-keys.yaml", policy)
        .routes("  - { name: chat, path: /v1/, upstreams: [mock], policy: no-keys, access: open }");
    let gateway = Gateway::start(&config);
    let answer = gateway.send(&chat_request("hi"));
    assert_eq!(answer.status, 200);
    assert!(!answer.text().contains(&secret), "{}", answer.text());
    assert_eq!(answer.json()["choices"][0]["finish_reason"], "content_filter", "{}", answer.text());

    let answer = gateway.send(&stream_request("hi"));
    let text = answer.text();
    assert!(answer.whole, "a cut stream ends with its terminal frame: {text}");
    assert!(!text.contains(&secret) && !text.contains("TAIL"), "{text}");
    assert!(text.contains("content_filter") && text.contains("[DONE]"), "{text}");
    let causes: Vec<_> = gateway.wait_for_records(2).iter().map(|record| record["outcome"]["cause"].clone()).collect();
    assert_eq!(causes, ["answer_blocked", "answer_blocked"]);
}

#[test]
fn stream_with_mixed_line_ends_comments_and_split_characters_is_understood() {
    let (_, secret) = secrets().remove(0);
    let event = |text: &str| {
        json!({"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]})
    };
    let mock = Mock::always(
        Reply::stream()
            .chunk("\u{feff}: comment\r\n\r\n")
            .chunk(&format!("data: {}\r\n\r\n", event("one ")))
            .chunk(&format!("data:{}\r\r", event("two ")))
            .chunk(&format!("data: {}", event(&format!("{secret} three"))))
            .chunk("\n\n")
            .done(),
    );
    let gateway = redacting(&mock);
    let answer = gateway.send(&stream_request("hi"));
    let text = answer.text();
    assert!(answer.whole && text.contains("one ") && text.contains("two ") && text.contains("three"), "{text}");
    assert!(!text.contains(&secret), "{text}");
}
