//! What is wrong with a request's framing. A fault says a rule, never the bytes that broke it.

use crate::model::{Cause, Refusal, Stage};

/// A rule of RFC 9112 (or a stricter one of ours) that a request broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Fault {
    /// The request line is not `METHOD SP target SP HTTP/1.x`.
    #[error("the request line is malformed")]
    RequestLine,
    /// The method is not a token, or longer than any real one.
    #[error("the method is malformed")]
    Method,
    /// `CONNECT` and `TRACE` are for proxies of another kind.
    #[error("the method is refused on every route")]
    MethodRefused,
    /// The target is neither origin-form nor absolute-form, or has a byte that no URI has.
    #[error("the request target is malformed")]
    Target,
    /// The path cannot be brought into its canonical form.
    #[error("the path is ambiguous or malformed")]
    Path,
    /// Not HTTP/1.0 or HTTP/1.1 (also the HTTP/2 preface).
    #[error("the protocol version is not HTTP/1.0 or HTTP/1.1")]
    Version,
    /// A line ends in LF alone.
    #[error("a line ends without CR")]
    BareLf,
    /// A CR, NUL or other control byte inside a line.
    #[error("a control byte stands inside a line")]
    ControlByte,
    /// A header line begins with white space.
    #[error("a header is folded")]
    ObsFold,
    /// A header name is not a token followed at once by a colon.
    #[error("a header name is malformed")]
    HeaderName,
    /// `content_length` and the like: some servers read `_` as `-`.
    #[error("a header name imitates another one")]
    ShadowName,
    /// A header that may stand once stands twice.
    #[error("a header that may stand once is doubled")]
    Doubled,
    /// More header lines than anybody needs.
    #[error("too many headers")]
    TooManyHeaders,
    /// The head is longer than the limit.
    #[error("the request head is larger than the limit")]
    HeadTooLarge,
    /// The head did not arrive in time.
    #[error("the request head did not arrive in time")]
    HeadTimeout,
    /// `Host` is missing or not `name[:port]`.
    #[error("the Host header is missing or malformed")]
    Host,
    /// `Host` and the absolute target name different hosts.
    #[error("the Host header contradicts the request target")]
    HostMismatch,
    /// Not one plain decimal number.
    #[error("Content-Length is malformed")]
    ContentLength,
    /// Not exactly `chunked`, or in HTTP/1.0.
    #[error("Transfer-Encoding is not exactly chunked")]
    TransferEncoding,
    /// Two ways to say how long the body is.
    #[error("Content-Length and Transfer-Encoding contradict each other")]
    TwoLengths,
    /// A body where there may be none, or none where there must be one.
    #[error("the method and the body framing do not fit")]
    BodyFraming,
    /// Two kinds of credential: which one counts is anybody's guess.
    #[error("more than one credential")]
    TwoCredentials,
    /// `Connection` names a header that must not be dropped.
    #[error("the Connection header names a protected header")]
    ConnectionOption,
    /// No route takes upgrades.
    #[error("protocol upgrades are refused")]
    Upgrade,
    /// Anything but `100-continue`.
    #[error("the Expect header is not 100-continue")]
    Expect,
    /// `X-HTTP-Method-Override` and the like.
    #[error("method override headers are refused")]
    MethodOverride,
    /// A chunk's size line or its end is malformed.
    #[error("a chunk is malformed")]
    Chunk,
    /// Chunk extensions or chunk framing beyond the limit.
    #[error("chunk framing is larger than the limit")]
    ChunkOverhead,
    /// A trailer is malformed or has a name that may not stand there.
    #[error("a trailer is malformed or forbidden")]
    Trailer,
}

impl Fault {
    /// The refusal that this fault leads to.
    pub fn refusal(self) -> Refusal {
        let cause = match self {
            Self::HeadTimeout => Cause::HeadTimeout,
            _ => Cause::MalformedRequest,
        };
        Refusal::new(Stage::Accept, cause).detail(self.to_string())
    }
}
