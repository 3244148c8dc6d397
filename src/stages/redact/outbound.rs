//! What may leave: a request towards an upstream, an answer towards a client.

use crate::model::{ByteCount, Endpoint};
use crate::stages::accept::Head;
use crate::state::ExchangePermit;
use bytes::Bytes;
use std::borrow::Cow;

/// A request that may be sent to an upstream. Only `redact` makes it, and `upstream` takes nothing else.
///
/// It is made of what a policy cleared:
///
/// ```
/// use portcullis::stages::{policy::Cleared, redact};
/// fn send(cleared: Cleared) {
///     let _ = redact::request(cleared);
/// }
/// ```
///
/// and of nothing that came before:
///
/// ```compile_fail,E0308
/// use portcullis::stages::{decode::Exchange, redact};
/// fn send(undecided: Exchange) {
///     let _ = redact::request(undecided);
/// }
/// ```
#[derive(Debug)]
pub struct Outbound {
    head: Head,
    destination: Destination,
    body: Bytes,
    /// Given back when the exchange ends.
    permit: ExchangePermit,
    received: ByteCount,
    edits: u32,
}

/// What a request asks for, and where at an upstream.
#[derive(Debug)]
pub(in crate::stages::redact) struct Destination {
    pub endpoint: Endpoint,
    pub path: Cow<'static, str>,
}

impl Outbound {
    pub(in crate::stages::redact) fn new(
        head: Head,
        destination: Destination,
        body: Bytes,
        permit: ExchangePermit,
        received: ByteCount,
        edits: u32,
    ) -> Self {
        Self { head, destination, body, permit, received, edits }
    }

    /// A request made by hand, for tests of `upstream`.
    #[cfg(test)]
    pub(crate) fn for_tests(head: Head, endpoint: Endpoint, body: &'static [u8]) -> Self {
        let received = ByteCount(u64::try_from(body.len()).unwrap_or(u64::MAX));
        let destination = Destination { endpoint, path: Cow::Owned(head.path().to_owned()) };
        Self::new(head, destination, Bytes::from_static(body), ExchangePermit::unlimited(), received, 0)
    }

    /// The client's head; `upstream` strips credentials and hop-by-hop headers from it.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// What it asks for.
    pub fn endpoint(&self) -> Endpoint {
        self.destination.endpoint
    }

    /// The path at the upstream, below its base URL.
    pub fn path(&self) -> &str {
        &self.destination.path
    }

    /// The bytes to send.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Length of the body as received.
    pub fn received(&self) -> ByteCount {
        self.received
    }

    /// How many edits were spliced in.
    pub fn edits(&self) -> u32 {
        self.edits
    }

    /// Takes the permit out, to be held until the answer has been delivered.
    pub fn into_permit(self) -> ExchangePermit {
        self.permit
    }
}

/// Bytes of an answer that may be sent to the client. Only `redact` makes it, and the downstream body takes nothing else.
///
/// They are made of what a policy judged:
///
/// ```
/// use portcullis::stages::{policy::Judged, redact};
/// fn deliver(judged: Judged) {
///     let _ = redact::answer(judged);
/// }
/// ```
///
/// and of nothing that came before, nor by hand:
///
/// ```compile_fail,E0308
/// use portcullis::stages::{inspect::Examined, redact};
/// fn deliver(unjudged: Examined) {
///     let _ = redact::answer(unjudged);
/// }
/// ```
///
/// ```compile_fail,E0624
/// let _ = portcullis::stages::redact::Deliverable::new(bytes::Bytes::new(), 0);
/// ```
#[derive(Debug)]
pub struct Deliverable {
    bytes: Bytes,
    edits: u32,
}

impl Deliverable {
    pub(in crate::stages::redact) fn new(bytes: Bytes, edits: u32) -> Self {
        Self { bytes, edits }
    }

    /// How many edits were spliced in.
    pub fn edits(&self) -> u32 {
        self.edits
    }

    /// The bytes to send.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }
}
