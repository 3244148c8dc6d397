//! Free loopback ports between 20000 and 32000: below the range the kernel gives to outgoing connections, so that no
//! connection of another test can take one between the look and the bind.

use std::net::{SocketAddr, TcpListener};

/// Binds a random free port.
pub fn bind() -> TcpListener {
    for _ in 0..200 {
        if let Ok(listener) = TcpListener::bind(random_address()) {
            return listener;
        }
    }
    panic!("no free port in 200 attempts");
}

/// Three addresses that were free a moment ago and differ: all are bound before any is let go. The caller's own bind may
/// still fail, and it must try others then.
pub fn free_addresses() -> [SocketAddr; 3] {
    let bound = [bind(), bind(), bind()];
    bound.each_ref().map(|listener| listener.local_addr().expect("a bound listener has an address"))
}

fn random_address() -> SocketAddr {
    let mut random = [0_u8; 2];
    getrandom::fill(&mut random).expect("the system gives random bytes");
    SocketAddr::from(([127, 0, 0, 1], 20_000 + u16::from_le_bytes(random) % 12_000))
}
