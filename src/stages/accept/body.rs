//! Reads a request body whole, under a cap and a deadline. What is reserved follows what has arrived, never what a header
//! promised.

use super::fault::Fault;
use super::received::Received;
use crate::model::{Cause, Refusal, Stage};
use bytes::Bytes;
use http_body::Body;
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::time::Instant;

/// Bytes reserved on the word of a Content-Length alone.
/// Somewhat above 64 KiB, so that bodies of that size with their frame are not copied for the last kilobyte.
const FIRST_RESERVE_BYTES: u64 = 96 * 1024;

/// The body of a request that is being received.
#[derive(Debug)]
pub struct RequestBody {
    incoming: hyper::body::Incoming,
}

impl RequestBody {
    pub(in crate::stages::accept) fn new(incoming: hyper::body::Incoming) -> Self {
        Self { incoming }
    }

    /// The length that the head promised, in bytes; `None` where the body is chunked.
    pub fn content_length(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }
}

/// Reads the whole body. Dropping the future stops reading; the connection is closed after the answer then.
///
/// # Errors
/// `BodyTooLarge` (before a byte is read, where the head says so), `BodyTimeout`, `MalformedRequest` where the framing
/// is broken, `ClientLeft`.
pub async fn read(
    body: RequestBody,
    content_length_hint: Option<u64>,
    cap_bytes: u64,
    deadline: Instant,
) -> Result<Received, Refusal> {
    let promised = content_length_hint.or_else(|| body.content_length());
    if promised.is_some_and(|length| length > cap_bytes) {
        return Err(Refusal::new(Stage::Accept, Cause::BodyTooLarge));
    }
    let reading = collect(body.incoming, promised.unwrap_or(0), cap_bytes);
    match tokio::time::timeout_at(deadline.into(), reading).await {
        Ok(outcome) => outcome.map(Received::new),
        Err(_elapsed) => Err(Refusal::new(Stage::Accept, Cause::BodyTimeout)),
    }
}

async fn collect<B>(mut body: B, promised: u64, cap_bytes: u64) -> Result<Vec<u8>, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Error + 'static,
{
    let mut whole = Vec::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        // Trailers say nothing that anybody here listens to.
        let Ok(piece) = frame.map_err(|error| refusal(&error))?.into_data() else { continue };
        let total = u64::try_from(whole.len().saturating_add(piece.len())).unwrap_or(u64::MAX);
        if total > cap_bytes {
            return Err(Refusal::new(Stage::Accept, Cause::BodyTooLarge));
        }
        if whole.is_empty() && body.is_end_stream() {
            return Ok(Vec::from(piece));
        }
        if whole.is_empty() {
            let reserve = promised.min(FIRST_RESERVE_BYTES).min(cap_bytes);
            whole.reserve(usize::try_from(reserve).unwrap_or(0));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole)
}

/// Finds out whose fault a broken body is.
fn refusal(error: &(dyn Error + 'static)) -> Refusal {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(fault) = current.downcast_ref::<Fault>() {
            return fault.refusal();
        }
        if let Some(inner) = current.downcast_ref::<io::Error>().and_then(io::Error::get_ref)
            && let Some(fault) = inner.downcast_ref::<Fault>()
        {
            return fault.refusal();
        }
        if current.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
            return Refusal::new(Stage::Accept, Cause::MalformedRequest).detail("the body's framing is broken");
        }
        cause = current.source();
    }
    Refusal::new(Stage::Accept, Cause::ClientLeft)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::Full;

    #[tokio::test]
    async fn a_body_above_the_cap_is_refused_and_one_at_the_cap_is_not() {
        let body = || Full::new(Bytes::from_static(b"0123456789"));
        assert_eq!(collect(body(), 10, 10).await.unwrap(), b"0123456789");
        let refused = collect(body(), 0, 9).await.unwrap_err();
        assert_eq!(refused.outcome.cause, Cause::BodyTooLarge);
    }

    #[test]
    fn a_fault_of_the_gate_is_found_behind_the_errors_that_carry_it() {
        let io_error = io::Error::new(io::ErrorKind::InvalidData, Fault::Chunk);
        assert_eq!(refusal(&io_error).outcome.cause, Cause::MalformedRequest);
        let reset = io::Error::new(io::ErrorKind::ConnectionReset, "reset");
        assert_eq!(refusal(&reset).outcome.cause, Cause::ClientLeft);
    }
}
