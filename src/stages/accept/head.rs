//! The head of a request after the gate and the path canoniser: the only form in which the rest of the gateway sees one.

use http::{HeaderMap, Method};
use std::net::SocketAddr;

/// A request head that passed the framing rules. Only `accept` makes it.
/// One pointer, since every stage hands it on.
#[derive(Debug)]
pub struct Head(Box<Fields>);

#[derive(Debug)]
struct Fields {
    method: Method,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
    peer: SocketAddr,
    listener: SocketAddr,
}

impl Head {
    pub(in crate::stages::accept) fn new(
        method: Method,
        path: String,
        query: Option<String>,
        headers: HeaderMap,
        peer: SocketAddr,
        listener: SocketAddr,
    ) -> Self {
        Self(Box::new(Fields { method, path, query, headers, peer, listener }))
    }

    /// The head of a request that no client sent, for commands that judge texts offline (`pipeline::rehearsal`).
    pub(crate) fn rehearsed(path: &str) -> Self {
        let nobody = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut headers = HeaderMap::new();
        headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
        Self::new(Method::POST, path.to_owned(), None, headers, nobody, nobody)
    }

    /// A head made by hand, for tests of later stages.
    #[cfg(test)]
    pub(crate) fn for_tests(method: Method, path: &str, headers: HeaderMap) -> Self {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 1));
        Self::new(method, path.to_owned(), None, headers, loopback, loopback)
    }

    /// A head made by hand with a query, for tests of later stages.
    #[cfg(test)]
    pub(crate) fn for_tests_with_query(method: Method, path: &str, query: Option<&str>, headers: HeaderMap) -> Self {
        let mut head = Self::for_tests(method, path, headers);
        head.0.query = query.map(str::to_owned);
        head
    }

    /// The request's method.
    pub fn method(&self) -> &Method {
        &self.0.method
    }

    /// The canonical path: decoded once, without `.`/`..`, doubled slashes or anything a second decoding would change.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// The query as received, without `?`.
    pub fn query(&self) -> Option<&str> {
        self.0.query.as_deref()
    }

    /// The headers as received, hop-by-hop ones removed.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// The client's address.
    pub fn peer(&self) -> SocketAddr {
        self.0.peer
    }

    /// The address of ours that it came in on.
    pub fn listener(&self) -> SocketAddr {
        self.0.listener
    }
}
