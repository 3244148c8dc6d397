//! What hyper writes to a client: a whole text of ours, a delivered answer, or a stream of deliverables.

use super::stream::DeliveredStream;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The body of an answer to a client.
pub struct DownstreamBody(Form);

enum Form {
    Whole(Option<Bytes>),
    Stream(Box<DeliveredStream>),
}

impl DownstreamBody {
    /// A body that is known whole: text of the gateway's own, or the bytes of a `Deliverable`.
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self(Form::Whole(Some(bytes).filter(|bytes| !bytes.is_empty())))
    }

    pub(super) fn stream(stream: DeliveredStream) -> Self {
        Self(Form::Stream(Box::new(stream)))
    }
}

impl Body for DownstreamBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.0 {
            Form::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Form::Stream(stream) => stream.poll_bytes(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.0, Form::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Form::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX)))
            }
            Form::Stream(_) => SizeHint::default(),
        }
    }
}
