//! THREATS 1–13: requests whose framing, path or headers can be read in two ways are refused, and the upstream sees no byte
//! of them. A well-formed request passes before and after, so that a dead gateway does not count as a strict one.

use crate::support::{Config, Connection, Gateway, Mock, chat, chat_request};

/// The body of a request that would pass.
fn body() -> String {
    chat("hi").to_string()
}

/// A request with this first line and these header lines (each ended by CRLF), and a proper body.
fn request(line: &str, headers: &str) -> Vec<u8> {
    let body = body();
    format!("{line}\r\n{headers}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

/// A request to the chat endpoint with these header lines and this body, without a length of its own.
fn framed(headers: &str, body: &str) -> Vec<u8> {
    format!("POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n{headers}\r\n{body}")
        .into_bytes()
}

fn with_headers(headers: &str) -> Vec<u8> {
    request("POST /v1/chat/completions HTTP/1.1", &format!("host: a\r\n{headers}"))
}

fn to_path(path: &str) -> Vec<u8> {
    request(&format!("POST {path} HTTP/1.1"), "host: a\r\n")
}

/// Sends each request on a connection of its own. None may be answered with success, or reach the upstream.
fn all_refused(rows: &[(&str, Vec<u8>)], gateway: &Gateway, mock: &Mock) {
    passes(gateway);
    let before = mock.bytes();
    for (what, bytes) in rows {
        let mut connection = gateway.connect();
        connection.send(bytes);
        connection.finish_sending();
        refused(what, &mut connection);
        assert_eq!(mock.bytes(), before, "{what}: bytes reached the upstream");
    }
    passes(gateway);
}

/// Every answer on the connection, if any, is a refusal.
fn refused(what: &str, connection: &mut Connection) {
    let mut answers = 0;
    while let Some(answer) = connection.try_answer() {
        answers += 1;
        assert!((400..600).contains(&answer.status), "{what}: {} {}", answer.head, answer.text());
    }
    assert!(answers <= 1, "{what}: one request got {answers} answers: it was read in two ways");
}

fn passes(gateway: &Gateway) {
    let answer = gateway.send(&chat_request("hi"));
    assert_eq!(answer.status, 200, "a well-formed request must pass: {}", answer.text());
}

fn started() -> (Gateway, Mock) {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock).more("addresses: { refusals: 100000 }"));
    (gateway, mock)
}

#[test]
fn ambiguous_lengths_are_refused() {
    let (gateway, mock) = started();
    let (body, chunked) = (body(), format!("{:x}\r\n{}\r\n0\r\n\r\n", body().len(), body()));
    let len = body.len();
    let smuggled = format!("0\r\n\r\nPOST /v1/embeddings HTTP/1.1\r\nhost: a\r\ncontent-length: {len}\r\n\r\n{body}");
    let rows = [
        ("length and chunked", framed(&format!("content-length: {len}\r\ntransfer-encoding: chunked\r\n"), &chunked)),
        ("chunked and length", framed(&format!("transfer-encoding: chunked\r\ncontent-length: {len}\r\n"), &chunked)),
        (
            "a second request behind the end of chunks",
            framed("content-length: 5\r\ntransfer-encoding: chunked\r\n", &smuggled),
        ),
        ("two equal lengths", framed(&format!("content-length: {len}\r\ncontent-length: {len}\r\n"), &body)),
        ("two different lengths", framed(&format!("content-length: {len}\r\ncontent-length: 0\r\n"), &body)),
        ("a list of lengths", framed(&format!("content-length: {len}, {len}\r\n"), &body)),
        ("a signed length", framed(&format!("content-length: +{len}\r\n"), &body)),
        ("a negative length", framed("content-length: -1\r\n", &body)),
        ("a length in hexadecimal", framed(&format!("content-length: 0x{len:x}\r\n"), &body)),
        ("a length beyond 64 bits", framed("content-length: 99999999999999999999999\r\n", &body)),
        ("an empty length", framed("content-length: \r\n", &body)),
        ("gzip, chunked", framed("transfer-encoding: gzip, chunked\r\n", &chunked)),
        ("chunked twice", framed("transfer-encoding: chunked, chunked\r\n", &chunked)),
        ("two lines of chunked", framed("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", &chunked)),
        ("xchunked", framed("transfer-encoding: xchunked\r\n", &chunked)),
        ("identity", framed(&format!("transfer-encoding: identity\r\ncontent-length: {len}\r\n"), &body)),
        ("chunked in quotes", framed("transfer-encoding: \"chunked\"\r\n", &chunked)),
        ("chunked after a vertical tab", framed("transfer-encoding: \x0bchunked\r\n", &chunked)),
    ];
    all_refused(&rows, &gateway, &mock);
}

#[test]
fn malformed_chunks_are_refused() {
    let (gateway, mock) = started();
    let (body, te) = (body(), "transfer-encoding: chunked\r\n");
    let len = body.len();
    let rows = [
        ("line feed alone after the size", framed(te, &format!("{len:x}\n{body}\r\n0\r\n\r\n"))),
        ("line feed alone after the data", framed(te, &format!("{len:x}\r\n{body}\n0\r\n\r\n"))),
        ("a size with 0x", framed(te, &format!("0x{len:x}\r\n{body}\r\n0\r\n\r\n"))),
        ("a signed size", framed(te, &format!("+{len:x}\r\n{body}\r\n0\r\n\r\n"))),
        ("a size beyond 64 bits", framed(te, &format!("1{:016x}\r\n{body}\r\n0\r\n\r\n", len))),
        ("no size", framed(te, &format!("\r\n{body}\r\n0\r\n\r\n"))),
        ("a space before the size", framed(te, &format!(" {len:x}\r\n{body}\r\n0\r\n\r\n"))),
        ("a huge extension", framed(te, &format!("{len:x};a={}\r\n{body}\r\n0\r\n\r\n", "x".repeat(70_000)))),
        ("data longer than its size", framed(te, &format!("{:x}\r\n{body}\r\n0\r\n\r\n", len - 1))),
        ("an end without the last line", framed(te, &format!("{len:x}\r\n{body}\r\n0\r\n"))),
        ("no last chunk", framed(te, &format!("{len:x}\r\n{body}\r\n"))),
    ];
    all_refused(&rows, &gateway, &mock);
}

#[test]
fn malformed_lines_are_refused() {
    let (gateway, mock) = started();
    let body = body();
    let len = body.len();
    let line_feeds = format!(
        "POST /v1/chat/completions HTTP/1.1\nhost: a\ncontent-type: application/json\ncontent-length: {len}\n\n{body}"
    );
    let rows = [
        ("line feeds alone", line_feeds.into_bytes()),
        ("one line feed alone", with_headers("x-a: 1\nx-b: 2\r\n")),
        ("a carriage return alone in a value", with_headers("x-a: 1\rx-b: 2\r\n")),
        ("a folded line", with_headers("x-a: 1\r\n  2\r\n")),
        ("a folded first line", request("POST /v1/chat/completions HTTP/1.1", " x-a: 1\r\nhost: a\r\n")),
        ("a space before the colon", with_headers("x-a : 1\r\n")),
        ("a space before the colon of the length", framed(&format!("content-length : {len}\r\n"), &body)),
        ("a zero byte in a value", with_headers("x-a: 1\0\r\n")),
        ("a control byte in a value", with_headers("x-a: \x01\r\n")),
        ("a control byte in a name", with_headers("x\x01a: 1\r\n")),
        ("a name outside ASCII", with_headers("x-é: 1\r\n")),
        ("an empty name", with_headers(": 1\r\n")),
        ("a line without a colon", with_headers("x-a\r\n")),
        ("a huge head", with_headers(&format!("x-a: {}\r\n", "a".repeat(200_000)))),
        ("thousands of headers", with_headers(&"x-a: 1\r\n".repeat(5000))),
        ("HTTP/1.0 with chunks", {
            format!("POST /v1/chat/completions HTTP/1.0\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{len:x}\r\n{body}\r\n0\r\n\r\n").into_bytes()
        }),
        ("HTTP/1.2", request("POST /v1/chat/completions HTTP/1.2", "host: a\r\n")),
        ("HTTP/2.0 in text", request("POST /v1/chat/completions HTTP/2.0", "host: a\r\n")),
        ("no version", request("POST /v1/chat/completions", "host: a\r\n")),
        ("two spaces", request("POST  /v1/chat/completions HTTP/1.1", "host: a\r\n")),
        ("a tab for a space", request("POST\t/v1/chat/completions\tHTTP/1.1", "host: a\r\n")),
        ("the HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("not HTTP at all", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
    ];
    all_refused(&rows, &gateway, &mock);
}

#[test]
fn ambiguous_hosts_are_refused() {
    let (gateway, mock) = started();
    let host = |lines: &str| request("POST /v1/chat/completions HTTP/1.1", lines);
    let rows = [
        ("no host", host("")),
        ("two hosts", host("host: a\r\nhost: b\r\n")),
        ("two equal hosts", host("host: a\r\nhost: a\r\n")),
        ("an empty host", host("host: \r\n")),
        ("user information", host("host: user@a\r\n")),
        ("a path", host("host: a/b\r\n")),
        ("a list", host("host: a, b\r\n")),
        ("a query", host("host: a/?x\r\n")),
        ("a fragment", host("host: a/#x\r\n")),
        ("a space", host("host: a b\r\n")),
        ("absolute form unlike the host", request("POST http://b/v1/chat/completions HTTP/1.1", "host: a\r\n")),
    ];
    all_refused(&rows, &gateway, &mock);
}

#[test]
fn paths_that_a_second_decoding_would_change_are_refused() {
    let (gateway, mock) = started();
    let rows: Vec<_> = [
        "/v1/%2e%2e/admin/status",
        "/v1/chat%2fcompletions",
        "/v1/chat/completions%00",
        "/v1/chat/completions;x=1",
        "/v1\\chat\\completions",
        "/v1/chat%5ccompletions",
        "/v1/%2563hat/completions",
        "/v1/chat/%c0%ae%c0%ae/completions",
        "/v1/chat/completions%",
        "/v1/chat/completions%zz",
        "/v1/chat/completions#x",
        "/v1/../v1/../../etc/passwd",
        "v1/chat/completions",
        "*",
        "/v1/chat/completions/extra",
        "/V1/CHAT/COMPLETIONS",
        "/status",
        "/metrics",
        "/v1/files",
        "/v1/realtime",
        "/v1/models/gemini-pro:generateContent",
    ]
    .into_iter()
    .map(|path| (path, to_path(path)))
    .collect();
    all_refused(&rows, &gateway, &mock);
}

#[test]
fn path_is_read_once_and_the_canonical_form_decides() {
    let (gateway, mock) = started();
    for path in ["//v1/chat/completions", "/v1/./chat/completions", "/v1/%63hat/completions"] {
        let answer = gateway.send_raw(&to_path(path));
        // Either canonicalised and answered as that endpoint, or refused; never forwarded in another form.
        if answer.status == 200 {
            let head = mock.seen().pop().expect("an answered request reached the upstream").head;
            assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1"), "{path}: {head}");
        } else {
            assert!((400..500).contains(&answer.status), "{path}: {}", answer.text());
        }
    }
}

#[test]
fn tunnels_overrides_and_odd_methods_are_refused() {
    let (gateway, mock) = started();
    let rows = [
        ("CONNECT", b"CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n".to_vec()),
        ("TRACE", b"TRACE /v1/chat/completions HTTP/1.1\r\nhost: a\r\n\r\n".to_vec()),
        ("PUT", request("PUT /v1/chat/completions HTTP/1.1", "host: a\r\n")),
        ("DELETE", b"DELETE /v1/models/gpt-4o-mini HTTP/1.1\r\nhost: a\r\n\r\n".to_vec()),
        ("GET of the chat endpoint", b"GET /v1/chat/completions HTTP/1.1\r\nhost: a\r\n\r\n".to_vec()),
        ("GET with a body", request("GET /v1/models HTTP/1.1", "host: a\r\n")),
        ("a method in lower case", request("post /v1/chat/completions HTTP/1.1", "host: a\r\n")),
        ("method override", with_headers("x-http-method-override: DELETE\r\n")),
        ("method override, another spelling", with_headers("x-method-override: GET\r\n")),
        (
            "WebSocket",
            with_headers(
                "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
            ),
        ),
        (
            "h2c",
            with_headers(
                "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n",
            ),
        ),
    ];
    all_refused(&rows, &gateway, &mock);
}

#[test]
fn headers_that_name_a_credential_twice_are_refused() {
    let (gateway, mock) = started();
    let rows = [
        ("two authorizations", with_headers("authorization: Bearer a\r\nauthorization: Bearer b\r\n")),
        ("two kinds of credential", with_headers("authorization: Bearer a\r\nx-api-key: b\r\n")),
        ("two content types", with_headers("content-type: text/plain\r\n")),
    ];
    all_refused(&rows, &gateway, &mock);
}

#[test]
fn hop_by_hop_tricks_and_underscores_do_not_reach_the_upstream() {
    let (gateway, mock) = started();
    let tricks = "connection: close, authorization, x-private\r\nx-private: p1\r\nx_api_key: p2\r\nx-forwarded-host: p3\r\nforwarded: for=p4\r\nx-real-ip: p5\r\n";
    let answer = gateway.send_raw(&with_headers(tricks));
    if answer.status == 200 {
        let seen = mock.only();
        for value in ["p1", "p2", "p3", "p4", "p5"] {
            assert!(!seen.head.contains(value), "{value} reached the upstream: {}", seen.head);
        }
        assert_eq!(seen.header("authorization").len(), 1, "the provider's credential was stripped: {}", seen.head);
    } else {
        assert_eq!((answer.status, mock.bytes()), (400, 0), "{}", answer.text());
    }
}

#[test]
fn trailers_are_dropped() {
    let (gateway, mock) = started();
    let body = body();
    let bytes = framed(
        "transfer-encoding: chunked\r\ntrailer: authorization\r\n",
        &format!("{:x}\r\n{body}\r\n0\r\nauthorization: Bearer tr41ler\r\nx-policy: off\r\n\r\n", body.len()),
    );
    let answer = gateway.send_raw(&bytes);
    if answer.status == 200 {
        let seen = mock.only().text();
        assert!(!seen.contains("tr41ler") && !seen.contains("x-policy"), "{seen}");
    } else {
        assert_eq!((answer.status, mock.bytes()), (400, 0), "{}", answer.text());
    }
}

#[test]
fn bytes_behind_a_refused_request_are_not_a_request() {
    let (gateway, mock) = started();
    let mut connection = gateway.connect();
    let mut bytes = framed("content-length: 5\r\ncontent-length: 6\r\n", "12345");
    bytes.extend(chat_request("hi").render());
    connection.send(&bytes);
    connection.finish_sending();
    refused("a request behind a refused one", &mut connection);
    assert_eq!(mock.bytes(), 0);
}

#[test]
fn two_good_requests_on_one_connection_get_two_answers_in_order() {
    let (gateway, mock) = started();
    let mut connection = gateway.connect();
    let mut bytes = chat_request("first").render();
    bytes.extend(chat_request("second").render());
    connection.send(&bytes);
    assert_eq!(connection.answer().status, 200);
    assert_eq!(connection.answer().status, 200);
    let seen = mock.seen();
    assert!(seen[0].text().contains("first") && seen[1].text().contains("second"));
}

#[test]
fn slow_head_is_cut_off_in_time() {
    let mock = Mock::provider();
    let gateway = Gateway::start(&Config::new(&mock).more("limits: { head_timeout: 300ms, body_timeout: 300ms }"));
    let mut slow_head = gateway.connect();
    slow_head.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n");
    refused("a head that does not end", &mut slow_head);
    let mut slow_body = gateway.connect();
    slow_body.send(&framed("content-length: 100\r\n", "{"));
    refused("a body that does not end", &mut slow_body);
    assert_eq!(mock.bytes(), 0);
    passes(&gateway);
}

#[test]
fn expect_continue_is_answered_and_the_request_passes() {
    let (gateway, mock) = started();
    let mut connection = gateway.connect();
    let body = body();
    connection.send(&framed(&format!("expect: 100-continue\r\ncontent-length: {}\r\n", body.len()), ""));
    connection.read_until("100");
    connection.send(body.as_bytes());
    assert_eq!(connection.answer().status, 200);
    assert_eq!(mock.only().body, body.as_bytes());
}
