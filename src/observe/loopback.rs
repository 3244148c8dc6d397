//! A listening socket for tests, on a port below those that the kernel gives to outgoing connections.

use std::net::{Ipv4Addr, TcpListener};

/// Binds a free port of 127.0.0.1 between 20000 and 32000.
pub(crate) fn listener() -> TcpListener {
    for _ in 0..100 {
        let mut random = [0; 2];
        getrandom::fill(&mut random).unwrap();
        let port = 20_000 + u16::from_be_bytes(random) % 12_000;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return listener;
        }
    }
    panic!("no free port in 100 tries");
}

/// The same, for tokio.
pub(crate) fn tokio_listener() -> tokio::net::TcpListener {
    let listener = listener();
    listener.set_nonblocking(true).unwrap();
    tokio::net::TcpListener::from_std(listener).unwrap()
}
