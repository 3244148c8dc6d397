//! What the gate lets through, and what the client and the handler see of the rest.

use super::*;
use proptest::prelude::*;

#[tokio::test]
async fn sound_requests_reach_the_handler_and_keep_the_connection() {
    let server = start().await;
    let mut socket = server.connect().await;
    for (sent, answer) in [
        (request("POST /a", "Content-Length: 5\r\n", "hello"), "<POST /a hello>"),
        (request("POST /b", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n"), "<POST /b abcde>"),
        (request("GET //c/./d?x=1", "Connection: keep-alive\r\n", ""), "<GET /c/d >"),
        (request("GET http://gw/e", "", ""), "<GET /e >"),
    ] {
        socket.write_all(sent.as_bytes()).await.unwrap();
        let text = read_until(&mut socket, ">").await;
        assert!(text.starts_with("HTTP/1.1 200") && text.ends_with(answer), "{text}");
    }
}

#[tokio::test]
async fn ambiguous_requests_are_answered_400_and_never_seen() {
    let server = start().await;
    let control = request("POST /ok", "Content-Length: 2\r\nConnection: close\r\n", "hi").into_bytes();
    assert!(server.converse(&control).await.ends_with("<POST /ok hi>"));
    let post = |headers: &str| request("POST /evil", headers, "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: gw\r\n\r\n");
    for bad in [
        post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"),
        post("Content-Length: 4\r\nContent-Length: 4\r\n"),
        post("Content-Length: 4, 4\r\n"),
        post("Transfer-Encoding: xchunked\r\n"),
        post("Transfer-Encoding: chunked, chunked\r\n"),
        post("Transfer-Encoding:\x0bchunked\r\n"),
        post("Transfer-Encoding : chunked\r\n"),
        post("X: a\r\n Transfer-Encoding: chunked\r\n"),
        post("X: a\nTransfer-Encoding: chunked\r\n"),
        post("X: a\0b\r\nContent-Length: 4\r\n"),
        post("content_length: 4\r\n"),
        post("Host: gw2\r\n"),
        post("Authorization: Bearer a\r\nx-api-key: b\r\n"),
        post("Connection: authorization\r\n"),
        post("Upgrade: h2c\r\nConnection: upgrade\r\n"),
        post("Expect: nothing\r\n"),
        post("X-HTTP-Method-Override: GET\r\n"),
        "POST /evil HTTP/1.0\r\nHost: gw\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "POST /evil HTTP/1.0\r\nHost: gw\r\n\r\nuntil the end".to_owned(),
        "GET /evil HTTP/1.1\r\n\r\n".to_owned(),
        "GET /evil HTTP/1.1\nHost: gw\n\n".to_owned(),
        "GET http://other/evil HTTP/1.1\r\nHost: gw\r\n\r\n".to_owned(),
        "CONNECT gw:443 HTTP/1.1\r\nHost: gw\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        request("GET /evil", "Content-Length: 1\r\n", "x"),
        request("GET /%2e%2e/%2e%2e/evil", "", ""),
        request("GET /evil%2fx", "", ""),
        request("GET /evil%252e", "", ""),
        request("GET /evil;x=1", "", ""),
        request("GET /evil", &format!("X: {}\r\n", "y".repeat(9_000)), ""),
    ] {
        let text = server.converse(bad.as_bytes()).await;
        assert!(text.starts_with("HTTP/1.1 400 "), "{bad:?} -> {text:?}");
        assert_eq!(text.matches("HTTP/1.1").count(), 1, "{bad:?} -> {text:?}");
        assert!(text.contains("connection: close\r\n") && text.contains("refused malformed_request"), "{text:?}");
    }
    assert_eq!(server.seen(), ["POST /ok"]);
}

/// hyper's own refusals have an empty body: they would show that it disagrees with the gate.
#[tokio::test]
async fn no_byte_anywhere_in_a_head_gets_past_the_gate_and_is_refused_by_hyper() {
    let server = start().await;
    let pieces =
        ["GE", "T /a", "b?c", "d HTTP/1.1\r\nHo", "st: g", "w\r\nX-N", "ame: v", "alue\r\nConnection: close\r\n\r\n"];
    let mut passed = 0;
    for place in 1..pieces.len() {
        for byte in (0..=255_u8).filter(|byte| !byte.is_ascii_alphanumeric()) {
            let (before, after) = (pieces[..place].concat(), pieces[place..].concat());
            let bytes = [before.as_bytes(), &[byte], after.as_bytes()].concat();
            let text = server.converse(&bytes).await;
            passed += usize::from(text.starts_with("HTTP/1.1 200 "));
            let is_ours = text.starts_with("HTTP/1.1 200 ") || text.contains("refused malformed_request");
            assert!(is_ours, "{byte:#x} at {place}: {text:?}");
        }
    }
    assert!(passed > 100, "{passed}");
    assert_eq!(server.seen().len(), passed);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_up_to_the_bad_one() {
    let server = start().await;
    let mut bytes = request("POST /1", "Content-Length: 3\r\n", "one");
    bytes.push_str(&request("POST /2", "Transfer-Encoding: chunked\r\n", "3\r\ntwo\r\n0\r\n\r\n"));
    bytes.push_str(&request("GET /3", "", ""));
    bytes.push_str(&request("POST /4", "Content-Length: 1\r\nContent-Length: 1\r\n", "x"));
    bytes.push_str(&request("GET /5", "", ""));
    let text = server.converse(bytes.as_bytes()).await;
    let answers = ["<POST /1 one>", "<POST /2 two>", "<GET /3 >", "refused malformed_request /4"];
    let places: Vec<_> = answers.iter().map(|answer| text.find(answer).expect(answer)).collect();
    assert!(places.is_sorted(), "{text}");
    assert_eq!(server.seen(), ["POST /1", "POST /2", "GET /3"]);
}

#[tokio::test]
async fn a_large_answer_before_a_refused_request_arrives_whole() {
    let server = start().await;
    let mut socket = server.connect().await;
    let bytes = request("GET /big", "", "") + "GET /evil HTTP/1.1\n\n";
    socket.write_all(bytes.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let text = read_to_end(&mut socket).await;
    assert_eq!(text.matches('x').count(), 4 << 20);
    assert!(text.ends_with("refused malformed_request -") || text.contains("HTTP/1.1 400"), "{}", text.len());
}

#[tokio::test]
async fn a_broken_chunk_ends_the_exchange_with_a_malformed_request() {
    let server = start().await;
    let head = "Transfer-Encoding: chunked\r\n";
    for body in
        ["3\r\nabcX\r\n0\r\n\r\n", "3\nabc\r\n0\r\n\r\n", "3\r\nabc\r\n0\r\nContent-Length: 3\r\n\r\n", "zz\r\n"]
    {
        let text = server.converse(request("POST /c", head, body).as_bytes()).await;
        assert!(text.contains("<POST /c !malformed_request>"), "{body:?} -> {text:?}");
        assert_eq!(text.matches("HTTP/1.1").count(), 1, "{text}");
    }
}

#[tokio::test]
async fn bodies_above_the_cap_and_bodies_too_slow_are_refused() {
    let server = start().await;
    let text = server.converse(request("POST /small", "Content-Length: 9\r\n", "123456789").as_bytes()).await;
    assert!(text.contains("!body_too_large"), "{text}");
    let chunked = request("POST /small", "Transfer-Encoding: chunked\r\n", "9\r\n123456789\r\n0\r\n\r\n");
    assert!(server.converse(chunked.as_bytes()).await.contains("!body_too_large"));
    let slow = server.converse(request("POST /slow", "Content-Length: 9\r\n", "1234").as_bytes()).await;
    assert!(slow.contains("!body_timeout"), "{slow}");
}

#[tokio::test]
async fn expect_continue_is_answered_when_the_body_is_wanted() {
    let server = start().await;
    let mut socket = server.connect().await;
    let head = request("POST /e", "Content-Length: 2\r\nExpect: 100-continue\r\n", "");
    socket.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut socket, "HTTP/1.1 100 Continue\r\n\r\n").await;
    socket.write_all(b"hi").await.unwrap();
    read_until(&mut socket, "<POST /e hi>").await;
}

#[tokio::test]
async fn forged_and_hop_by_hop_headers_are_gone_before_anybody_reads_them() {
    let server = start().await;
    let headers = "X-Forwarded-For: 6.6.6.6\r\nConnection: x-hop\r\nX-Hop: secret\r\nTE: trailers\r\nX-Kept: yes\r\n";
    let mut socket = server.connect().await;
    socket.write_all(request("GET /headers", headers, "").as_bytes()).await.unwrap();
    let text = read_until(&mut socket, "x-kept").await.to_ascii_lowercase();
    for gone in ["6.6.6.6", "x-hop", "trailers"] {
        assert!(!text.contains(gone), "{gone}: {text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn splitting_the_bytes_of_requests_changes_nothing(cuts in proptest::collection::vec(1usize..30, 1..12)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = start().await;
            let bytes = request("POST /1", "Content-Length: 3\r\nX-A: b\r\n", "one")
                + &request("POST /2", "Transfer-Encoding: chunked\r\n", "3;x\r\ntwo\r\n1\r\n!\r\n0\r\nx-t: 1\r\n\r\n")
                + &request("GET /3", "Connection: close\r\n", "");
            let mut socket = server.connect().await;
            socket.set_nodelay(true).unwrap();
            let (mut at, mut cut) = (0, cuts.iter().cycle());
            while at < bytes.len() {
                let end = (at + cut.next().unwrap()).min(bytes.len());
                socket.write_all(&bytes.as_bytes()[at..end]).await.unwrap();
                tokio::task::yield_now().await;
                at = end;
            }
            let text = read_to_end(&mut socket).await;
            for answer in ["<POST /1 one>", "<POST /2 two!>", "<GET /3 >"] {
                assert!(text.contains(answer), "{text}");
            }
        });
    }
}
