use super::*;
use proptest::prelude::*;

fn scan(head: &str) -> Result<Option<Sound>, Fault> {
    HeadScan::default().advance(head.as_bytes())
}

fn post(headers: &str) -> String {
    format!("POST /v1/chat/completions HTTP/1.1\r\nHost: gw.example:8080\r\n{headers}\r\n")
}

#[test]
fn an_ordinary_head_is_sound() {
    let head =
        post("Content-Length: 12\r\nAuthorization: Bearer k\r\nX-Note:\t caf\u{e9} \r\nConnection: keep-alive\r\n");
    let sound = scan(&head).unwrap().unwrap();
    assert_eq!(sound, Sound { len: head.len(), framing: Framing::Length(12), needs_strip: false });
    let chunked = scan(&post("Transfer-Encoding: chunked\r\n")).unwrap().unwrap();
    assert_eq!(chunked.framing, Framing::Chunked);
    let get = "GET http://gw.example:8080/v1/models?limit=2&include[]=a HTTP/1.1\r\nhost:gw.example:8080\r\n\r\n";
    assert_eq!(scan(get).unwrap().unwrap().framing, Framing::Length(0));
    assert!(scan("GET / HTTP/1.0\r\nHost: [::1]:80\r\n\r\n").unwrap().is_some());
}

#[test]
fn bytes_after_the_head_are_not_part_of_it() {
    let head = post("Content-Length: 4\r\n");
    let sound = scan(&format!("{head}body\nPOST")).unwrap().unwrap();
    assert_eq!(sound.len, head.len());
}

#[test]
fn ambiguous_header_lines_are_refused() {
    for (headers, fault) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Fault::TwoLengths),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Fault::TwoLengths),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", Fault::Doubled),
        ("Content-Length: 5\r\ncontent-length: 6\r\n", Fault::Doubled),
        ("Content-Length: 5, 5\r\n", Fault::ContentLength),
        ("Content-Length: +5\r\n", Fault::ContentLength),
        ("Content-Length: -5\r\n", Fault::ContentLength),
        ("Content-Length: 0x5\r\n", Fault::ContentLength),
        ("Content-Length: 05\r\n", Fault::ContentLength),
        ("Content-Length: 5 5\r\n", Fault::ContentLength),
        ("Content-Length:\r\n", Fault::ContentLength),
        ("Content-Length: 18446744073709551616\r\n", Fault::ContentLength),
        ("Transfer-Encoding: chunked, identity\r\n", Fault::TransferEncoding),
        ("Transfer-Encoding: gzip, chunked\r\n", Fault::TransferEncoding),
        ("Transfer-Encoding: xchunked\r\n", Fault::TransferEncoding),
        ("Transfer-Encoding: identity\r\n", Fault::TransferEncoding),
        ("Transfer-Encoding:\r\n", Fault::TransferEncoding),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Fault::Doubled),
        ("Content-Length: 5\nX: y\r\n", Fault::BareLf),
        ("X: a\rb\r\n", Fault::ControlByte),
        ("X: a\0b\r\n", Fault::ControlByte),
        ("X: a\u{1b}[31m\r\n", Fault::ControlByte),
        ("X: a\u{7f}\r\n", Fault::ControlByte),
        ("X: a\r\n folded\r\n", Fault::ObsFold),
        ("X: a\r\n\tfolded\r\n", Fault::ObsFold),
        ("Content-Length : 5\r\n", Fault::HeaderName),
        ("Content-Length\t: 5\r\n", Fault::HeaderName),
        ("X\0: 5\r\n", Fault::HeaderName),
        ("X\u{e9}: 5\r\n", Fault::HeaderName),
        ("(X): 5\r\n", Fault::HeaderName),
        (": 5\r\n", Fault::HeaderName),
        ("no colon\r\n", Fault::HeaderName),
        ("nocolon\r\n", Fault::HeaderName),
        ("content_length: 5\r\n", Fault::ShadowName),
        ("Transfer_Encoding: chunked\r\n", Fault::ShadowName),
        ("x_api_key: k\r\n", Fault::ShadowName),
        ("X_Forwarded_For: 1.2.3.4\r\n", Fault::ShadowName),
        ("Host: other.example\r\n", Fault::Doubled),
        ("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n", Fault::Doubled),
        ("x-api-key: a\r\nX-Api-Key: a\r\n", Fault::Doubled),
        ("Authorization: Bearer a\r\nx-api-key: a\r\n", Fault::TwoCredentials),
        ("api-key: a\r\nx-goog-api-key: a\r\n", Fault::TwoCredentials),
        ("Content-Type: application/json\r\nContent-Type: text/plain\r\n", Fault::Doubled),
        ("Connection: authorization\r\n", Fault::ConnectionOption),
        ("Connection: close, X-Api-Key\r\n", Fault::ConnectionOption),
        ("Connection: content_length\r\n", Fault::ConnectionOption),
        ("Connection: upgrade\r\n", Fault::Upgrade),
        ("Upgrade: websocket\r\n", Fault::Upgrade),
        ("HTTP2-Settings: AAMAAABkAAQAAP__\r\n", Fault::Upgrade),
        ("Expect: 200-ok\r\n", Fault::Expect),
        ("X-HTTP-Method-Override: DELETE\r\n", Fault::MethodOverride),
    ] {
        assert_eq!(scan(&post(headers)), Err(fault), "{headers:?}");
    }
}

#[test]
fn malformed_request_lines_and_hosts_are_refused() {
    let host = "\r\nHost: a\r\n\r\n";
    for (line, fault) in [
        ("GET /", Fault::RequestLine),
        ("GET  / HTTP/1.1", Fault::Version),
        ("GET / HTTP/1.1 ", Fault::Version),
        ("GET / HTTP/2.0", Fault::Version),
        ("GET / http/1.1", Fault::Version),
        ("GET / HTTP/1.2", Fault::Version),
        ("PRI * HTTP/2.0", Fault::Version),
        ("GET * HTTP/1.1", Fault::Target),
        ("G(T / HTTP/1.1", Fault::Method),
        (" GET / HTTP/1.1", Fault::Method),
        ("CONNECT a:443 HTTP/1.1", Fault::MethodRefused),
        ("trace / HTTP/1.1", Fault::MethodRefused),
        ("GET /a\tb HTTP/1.1", Fault::Target),
        ("GET /a#b HTTP/1.1", Fault::Target),
        ("GET /\u{e9} HTTP/1.1", Fault::Target),
        ("GET /a?\u{1} HTTP/1.1", Fault::Target),
        ("GET a HTTP/1.1", Fault::Target),
        ("GET http://a HTTP/1.1", Fault::Target),
        ("GET ftp://a/ HTTP/1.1", Fault::Target),
        ("GET http://b/ HTTP/1.1", Fault::HostMismatch),
        ("GET http://u@a/ HTTP/1.1", Fault::HostMismatch),
    ] {
        assert_eq!(scan(&format!("{line}{host}")), Err(fault), "{line:?}");
    }
    assert_eq!(scan("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), Err(Fault::RequestLine));
    assert_eq!(scan("GET / HTTP/1.1\r\nX: y\r\n\r\n"), Err(Fault::Host));
    for bad in ["", "u@a", "a/b", "a,b", "a b", "a:", "a:99999", "a:8x", "a:1:2", "[::1", "[x]", "a/?", "a#", "é"] {
        assert_eq!(scan(&format!("GET / HTTP/1.1\r\nHost: {bad}\r\n\r\n")), Err(Fault::Host), "{bad:?}");
    }
    assert_eq!(HeadScan::default().advance(b"\x16\x03\x01\x02"), Err(Fault::Method));
}

#[test]
fn body_framing_must_fit_the_method_and_the_version() {
    let get = |rest: &str| scan(&format!("GET / HTTP/1.1\r\nHost: a\r\n{rest}\r\n"));
    assert_eq!(get("Content-Length: 5\r\n"), Err(Fault::BodyFraming));
    assert_eq!(get("Transfer-Encoding: chunked\r\n"), Err(Fault::BodyFraming));
    assert!(get("Content-Length: 0\r\n").is_ok());
    let old = |rest: &str| scan(&format!("POST / HTTP/1.0\r\nHost: a\r\n{rest}\r\n"));
    assert_eq!(old("Transfer-Encoding: chunked\r\n"), Err(Fault::TransferEncoding));
    assert_eq!(old(""), Err(Fault::BodyFraming));
    assert!(old("Content-Length: 1\r\n").is_ok());
}

#[test]
fn headers_that_only_a_trusted_proxy_may_send_are_marked_for_removal() {
    for headers in ["X-Forwarded-For: 1.2.3.4\r\n", "Connection: x-hop\r\n", "TE: trailers\r\n"] {
        assert!(scan(&post(headers)).unwrap().unwrap().needs_strip, "{headers:?}");
    }
}

#[test]
fn the_hundred_and_first_header_is_one_too_many() {
    let lines = |count: usize| "X-A: b\r\n".repeat(count);
    assert!(scan(&post(&lines(99))).is_ok());
    assert_eq!(scan(&post(&lines(100))), Err(Fault::TooManyHeaders));
}

proptest! {
    #[test]
    fn a_head_that_drips_in_is_judged_like_a_whole_one(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("POST / HTTP/1.1\r\n"), Just("Host: a\r\n"), Just("Content-Length: 3\r\n"), Just("X: y\r\n"),
                Just("\r\n"), Just("\n"), Just("\r"), Just(" "), Just("Transfer-Encoding: chunked\r\n"), Just(":"),
            ],
            0..8,
        ),
        cuts in proptest::collection::vec(1usize..9, 1..40),
    ) {
        let text = format!("POST / HTTP/1.1\r\nHost: a\r\n{}", pieces.concat());
        let mut dripping = HeadScan::default();
        let (mut end, mut cut) = (0, cuts.iter().cycle());
        let mut last = Ok(None);
        while end < text.len() && last == Ok(None) {
            end = (end + cut.next().unwrap()).min(text.len());
            last = dripping.advance(&text.as_bytes()[..end]);
        }
        prop_assert_eq!(last, scan(&text));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = HeadScan::default().advance(&bytes);
    }
}
