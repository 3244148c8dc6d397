//! THREATS 16–26: bodies that two parsers could read differently, or that ask for more work than they are worth, are refused;
//! odd but sound ones pass unchanged.

use crate::support::{ATTACK, Config, Gateway, Mock, Request, chat, chat_request};
use serde_json::{Value, json};

fn started() -> (Gateway, Mock) {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock).more("addresses: { refusals: 100000 }"));
    (gateway, mock)
}

fn with_type(content_type: &str, body: impl Into<Vec<u8>>) -> Request {
    Request::post("/v1/chat/completions").header("content-type", content_type).bytes(body)
}

fn json_bytes(body: impl Into<Vec<u8>>) -> Request {
    with_type("application/json", body)
}

#[test]
fn bodies_with_two_readings_are_refused() {
    let (gateway, mock) = started();
    let user = r#""messages":[{"role":"user","content":"hi"}]"#;
    let rows: Vec<(&str, Vec<u8>)> = vec![
        ("an empty body", vec![]),
        ("white space only", b"  \n".to_vec()),
        ("not an object", b"[]".to_vec()),
        ("a bare string", b"\"hi\"".to_vec()),
        ("a doubled key", format!(r#"{{"model":"a","model":"b",{user}}}"#).into()),
        ("a doubled key, one escaped", format!(r#"{{"model":"a","mod\u0065l":"b",{user}}}"#).into()),
        ("a doubled key, deep", r#"{"model":"a","messages":[{"role":"user","content":"hi","content":"x"}]}"#.into()),
        ("trailing bytes", format!(r#"{{"model":"a",{user}}} x"#).into()),
        ("two values", format!(r#"{{"model":"a",{user}}}{{}}"#).into()),
        ("a trailing comma", format!(r#"{{"model":"a",{user},}}"#).into()),
        ("a comment", format!(r#"{{"model":"a",/* x */{user}}}"#).into()),
        ("single quotes", "{'model':'a'}".into()),
        ("NaN", format!(r#"{{"model":"a","temperature":NaN,{user}}}"#).into()),
        ("Infinity", format!(r#"{{"model":"a","temperature":-Infinity,{user}}}"#).into()),
        ("a number beyond a double", format!(r#"{{"model":"a","temperature":1e999,{user}}}"#).into()),
        ("a leading zero", format!(r#"{{"model":"a","n":01,{user}}}"#).into()),
        ("a number with a plus", format!(r#"{{"model":"a","n":+1,{user}}}"#).into()),
        ("a lone high surrogate", r#"{"model":"a","messages":[{"role":"user","content":"\ud800"}]}"#.into()),
        ("a lone low surrogate", r#"{"model":"a","messages":[{"role":"user","content":"\udc00x"}]}"#.into()),
        ("a raw control byte", "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"a\nb\"}]}".into()),
        ("an unknown escape", r#"{"model":"a","messages":[{"role":"user","content":"\x41"}]}"#.into()),
        ("a byte order mark", format!("\u{feff}{{\"model\":\"a\",{user}}}").into()),
        ("overlong UTF-8", b"{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"\xc0\xae\"}]}".to_vec()),
        (
            "a surrogate in UTF-8",
            b"{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"\xed\xa0\x80\"}]}".to_vec(),
        ),
        ("Latin-1", b"{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"caf\xe9\"}]}".to_vec()),
        ("UTF-16", chat("hi").to_string().encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("an unfinished body", br#"{"model":"a","messages":["#.to_vec()),
        ("depth 65", nested(65)),
        ("depth 200,000", nested(200_000)),
        ("depth 200,000, unfinished", b"[".repeat(200_000)),
    ];
    for (what, body) in rows {
        let answer = gateway.send(&json_bytes(body));
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
        assert!(answer.json()["error"]["message"].is_string(), "{what}: not OpenAI's error shape");
        assert_eq!(answer.header("x-should-retry"), Some("false"), "{what}");
        assert_eq!(mock.bytes(), 0, "{what}: bytes reached the upstream");
    }
    assert_eq!(gateway.send(&chat_request("hi")).status, 200);
}

/// A chat request whose unknown field is nested so deep that the whole has this depth.
fn nested(depth: usize) -> Vec<u8> {
    let inner = depth - 1;
    let deep = format!("{}{}", "[".repeat(inner), "]".repeat(inner));
    format!(r#"{{"model":"a","messages":[{{"role":"user","content":"hi"}}],"x":{deep}}}"#).into_bytes()
}

#[test]
fn depth_64_passes_unchanged() {
    let (gateway, mock) = started();
    let answer = gateway.send(&json_bytes(nested(64)));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(mock.only().body, nested(64));
}

#[test]
fn millions_of_values_are_refused() {
    let (gateway, mock) = started();
    let body =
        format!(r#"{{"model":"a","messages":[{{"role":"user","content":"hi"}}],"x":[{}0]}}"#, "0,".repeat(600_000));
    let answer = gateway.send(&json_bytes(body));
    assert_eq!((answer.status, mock.bytes()), (400, 0), "{}", answer.text());
}

#[test]
fn content_types_other_than_json_in_utf_8_are_415() {
    let (gateway, mock) = started();
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/json; charset=utf-7",
        "application/jsonx",
        "application/json, text/plain",
        "application/xml+json",
        "",
    ] {
        let answer = gateway.send(&with_type(content_type, chat("hi").to_string()));
        assert_eq!((answer.status, mock.bytes()), (415, 0), "{content_type}: {}", answer.text());
    }
    let missing = gateway.send(&Request::post("/v1/chat/completions").bytes(chat("hi").to_string()));
    assert_eq!((missing.status, mock.bytes()), (415, 0), "{}", missing.text());
}

#[test]
fn usual_spellings_of_the_content_type_pass() {
    let (gateway, mock) = started();
    for content_type in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
    ] {
        let answer = gateway.send(&with_type(content_type, chat("hi").to_string()));
        assert_eq!(answer.status, 200, "{content_type}: {}", answer.text());
    }
    assert_eq!(mock.requests(), 4);
}

#[test]
fn encoded_bodies_are_415() {
    let (gateway, mock) = started();
    for encoding in ["gzip", "br", "zstd", "deflate", "gzip, gzip", "x-unknown", "identity, gzip"] {
        let answer = gateway.send(&chat_request("hi").header("content-encoding", encoding));
        assert_eq!((answer.status, mock.bytes()), (415, 0), "{encoding}: {}", answer.text());
    }
}

#[test]
fn attack_hidden_in_escapes_keys_or_odd_fields_is_found() {
    let (gateway, mock) = started();
    let escaped: String = ATTACK.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    let rows: Vec<(&str, String)> = vec![
        ("every character escaped", format!(r#"{{"model":"a","messages":[{{"role":"user","content":"{escaped}"}}]}}"#)),
        ("a role in escapes", format!(r#"{{"model":"a","messages":[{{"r\u006fle":"us\u0065r","c\u006fntent":"{ATTACK}"}}]}}"#)),
        ("an unknown role", json!({"model": "a", "messages": [{"role": "wizard", "content": ATTACK}]}).to_string()),
        ("a missing role", json!({"model": "a", "messages": [{"content": ATTACK}]}).to_string()),
        ("an unknown kind of part", json!({"model": "a", "messages": [{"role": "user", "content": [{"type": "hologram", "hologram": {"caption": ATTACK}}]}]}).to_string()),
        ("the alias `prompt`", json!({"model": "a", "messages": [], "prompt": ATTACK}).to_string()),
        ("the alias `input`", json!({"model": "a", "messages": [], "input": [ATTACK]}).to_string()),
        ("prediction", json!({"model": "a", "messages": [], "prediction": {"type": "content", "content": ATTACK}}).to_string()),
        ("a key", json!({"model": "a", "messages": [], "metadata": {ATTACK: "x"}}).to_string()),
        ("behind a long text", chat(&format!("{} {ATTACK}", "the quiet harbour ".repeat(20_000))).to_string()),
    ];
    for (what, body) in rows {
        let answer = gateway.send(&json_bytes(body));
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
        assert_eq!(mock.bytes(), 0, "{what}: bytes reached the upstream");
    }
}

#[test]
fn body_above_the_cap_is_413_with_a_length_and_in_chunks() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock).more("limits: { request_body: 64KiB }"));
    let body = chat(&"a b ".repeat(20_000)).to_string();
    let answer = gateway.send(&json_bytes(body.clone()));
    assert_eq!((answer.status, mock.bytes()), (413, 0), "{}", answer.text());

    let mut declared = gateway.connect();
    declared.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 9000000000\r\n\r\n");
    assert_eq!(declared.answer().status, 413, "a length above the cap is refused before its bytes");

    let mut chunked = gateway.connect();
    chunked.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n");
    for piece in body.as_bytes().chunks(8 * 1024) {
        chunked.send(format!("{:x}\r\n", piece.len()).as_bytes());
        chunked.send(piece);
        chunked.send(b"\r\n");
    }
    assert_eq!(chunked.answer().status, 413);
    assert_eq!(mock.bytes(), 0);
    assert_eq!(gateway.send(&chat_request("hi")).status, 200);
}

#[test]
fn errors_of_the_messages_endpoint_have_anthropics_shape() {
    let (gateway, mock) = started();
    let broken = Request::post("/v1/messages").header("content-type", "application/json").bytes("{");
    let answer = gateway.send(&broken);
    let body: Value = answer.json();
    assert_eq!((answer.status, mock.bytes()), (400, 0));
    assert_eq!((&body["type"], &body["error"]["type"]), (&json!("error"), &json!("invalid_request_error")), "{body}");
    assert_eq!(body["request_id"].as_str(), answer.header("request-id"), "{}", answer.head);
}

#[test]
fn unknown_endpoint_is_404_in_the_callers_dialect() {
    let (gateway, mock) = started();
    let openai = gateway.send(&Request::post("/v1/fine_tuning/jobs").json(&json!({})));
    assert_eq!((openai.status, openai.code().as_str()), (404, "unknown_endpoint"), "{}", openai.text());
    let anthropic =
        gateway.send(&Request::post("/v1/messages/batches").header("anthropic-version", "2023-06-01").json(&json!({})));
    assert_eq!((anthropic.status, &anthropic.json()["error"]["type"]), (404, &json!("not_found_error")));
    assert_eq!(mock.bytes(), 0);
}
