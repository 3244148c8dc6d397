//! Deadlines, departures, panics, caps and the end of a listener.

use super::*;

#[tokio::test]
async fn a_slow_head_is_cut_in_time_and_told_so() {
    let server = start().await;
    let mut socket = server.connect().await;
    let begun = Instant::now();
    socket.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let _ = socket.write_all(b"X: y\r\n").await;
    }
    let text = read_to_end(&mut socket).await;
    assert!(text.starts_with("HTTP/1.1 408 "), "{text:?}");
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert_eq!(server.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn silent_connections_are_closed_without_a_word() {
    let server = start().await;
    assert_eq!(read_to_end(&mut server.connect().await).await, "");
    let text = server.converse(request("GET /k", "", "").as_bytes()).await;
    assert!(text.ends_with("<GET /k >"), "{text}");
    assert!(server.witness.refused.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_client_that_leaves_inside_its_body_is_told_apart_from_a_malformed_one() {
    let server = start().await;
    for (headers, body) in [("Content-Length: 9\r\n", "1234"), ("Transfer-Encoding: chunked\r\n", "4\r\n12")] {
        let mut socket = server.connect().await;
        socket.write_all(request("POST /left", headers, body).as_bytes()).await.unwrap();
        socket.shutdown().await.unwrap();
        let text = read_to_end(&mut socket).await;
        assert!(text.contains("<POST /left !client_left>"), "{text:?}");
    }
}

#[tokio::test]
async fn an_answer_before_the_body_was_read_arrives_although_the_client_goes_on_sending() {
    let server = start().await;
    let mut socket = server.connect().await;
    let head = request("POST /small", "Content-Length: 3000000\r\n", "");
    socket.write_all(head.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = socket.split();
    let body = vec![b'x'; 3_000_000];
    let (_, text) = tokio::join!(writing.write_all(&body), async {
        let mut text = String::new();
        let _ = tokio::time::timeout(PATIENCE, reading.read_to_string(&mut text)).await;
        text
    });
    assert!(text.contains("!body_too_large"), "{text:?}");
}

#[tokio::test]
async fn a_client_that_does_not_take_its_answer_is_cut() {
    let (ours, _theirs) = tokio::io::duplex(64);
    let limits = gate::GateLimits {
        head_bytes: 1024,
        head_timeout: PATIENCE,
        keep_alive_idle: PATIENCE,
        write_stall: Duration::from_millis(50),
    };
    let mut gate = gate::Gate::new(ours, limits, Arc::default());
    let written = tokio::time::timeout(PATIENCE, gate.write_all(&[b'x'; 1000])).await.expect("no end");
    assert_eq!(written.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_connections_with_large_bodies_get_their_own_answers() {
    let server = Arc::new(start().await);
    let clients = (0..8_usize).map(|client| {
        let server = server.clone();
        tokio::spawn(async move {
            let mut socket = server.connect().await;
            for round in 0..12_usize {
                let body = format!("{client}-{round}-").repeat(1 + round * 2_000);
                let sent = if (client + round).is_multiple_of(2) {
                    request("POST /a", &format!("Content-Length: {}\r\n", body.len()), &body)
                } else {
                    let (one, two) = body.split_at(body.len() / 3);
                    let chunks = format!("{:x}\r\n{one}\r\n{:X};e=1\r\n{two}\r\n0\r\n\r\n", one.len(), two.len());
                    request("POST /a", "Transfer-Encoding: chunked\r\n", &chunks)
                };
                socket.write_all(sent.as_bytes()).await.unwrap();
                let text = read_until(&mut socket, ">").await;
                assert!(text.ends_with(&format!("<POST /a {body}>")), "{client} {round}");
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
}

#[tokio::test]
async fn a_client_that_leaves_drops_the_exchange_even_after_sending_more() {
    for extra in ["", "GET /next HTTP/1.1\r\nHost: gw\r\n\r\n"] {
        let server = start().await;
        let mut socket = server.connect().await;
        let bytes = request("POST /hang", "Content-Length: 1\r\n", "x") + extra;
        socket.write_all(bytes.as_bytes()).await.unwrap();
        server.witness.entered.notified().await;
        assert_eq!(server.witness.dropped.load(Ordering::SeqCst), 0);
        drop(socket);
        tokio::time::timeout(PATIENCE, server.witness.left.notified()).await.expect("the exchange lives on");
        assert_eq!(server.seen(), ["POST /hang"]);
    }
}

#[tokio::test]
async fn a_panic_costs_one_exchange_and_not_the_listener() {
    let server = start().await;
    let text = server.converse(request("GET /panic", "", "").as_bytes()).await;
    assert!(text.starts_with("HTTP/1.1 500 "), "{text}");
    let text = server.converse(request("GET /ok", "", "").as_bytes()).await;
    assert!(text.ends_with("<GET /ok >"), "{text}");
}

#[tokio::test]
async fn connections_above_the_cap_are_told_to_come_back() {
    let server = start_with(Limits { connections: 1, ..limits() }).await;
    let mut first = server.connect().await;
    first.write_all(request("POST /hang", "Content-Length: 1\r\n", "x").as_bytes()).await.unwrap();
    server.witness.entered.notified().await;
    let text = server.converse(request("GET /x", "", "").as_bytes()).await;
    assert!(text.starts_with("HTTP/1.1 503 ") && text.contains("refused overloaded"), "{text}");
    assert_eq!(server.seen(), ["POST /hang"]);
}

#[tokio::test]
async fn draining_closes_idle_connections_finishes_live_ones_and_cuts_at_the_deadline() {
    let server = start_with(Limits { keep_alive_idle: PATIENCE, ..limits() }).await;
    let mut idle = server.connect().await;
    idle.write_all(request("GET /idle", "", "").as_bytes()).await.unwrap();
    read_until(&mut idle, "<GET /idle >").await;
    let mut live = server.connect().await;
    live.write_all(request("POST /live", "Content-Length: 4\r\n", "1").as_bytes()).await.unwrap();
    let mut hanging = server.connect().await;
    hanging.write_all(request("POST /hang", "Content-Length: 1\r\n", "x").as_bytes()).await.unwrap();
    server.witness.entered.notified().await;
    let until = Instant::now() + Duration::from_millis(500);
    server.stop.send(Phase::Draining { until }).unwrap();
    assert_eq!(read_to_end(&mut idle).await, "");
    live.write_all(b"234").await.unwrap();
    let text = read_to_end(&mut live).await;
    assert!(text.ends_with("<POST /live 1234>") && text.contains("connection: close"), "{text}");
    tokio::time::timeout(PATIENCE, server.task).await.expect("the drain has an end").unwrap();
    assert_eq!(server.witness.dropped.load(Ordering::SeqCst), 1);
    assert!(TcpStream::connect(server.address).await.is_err());
}
