//! Stands between the socket and hyper. Bytes of a request reach hyper only after the whole head was found sound, and no
//! byte of the next request before the answer to this one was flushed; so hyper and the gate can never disagree about
//! where a request ends. A request that is refused here was never seen by anything behind it: hyper sees the connection
//! end, and [`super::connection`] answers.
//!
//! It also owns the deadlines of a connection: silence, a slow head, a client that does not take its answer.

use super::alarm::Alarm;
use super::chunks::Chunks;
use super::fault::Fault;
use super::head_scan::{Framing, HeadScan};
use super::turn::Turn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Buffer of an idle connection, in bytes: most heads fit.
const BUFFER_BYTES: usize = 4096;
/// A buffer larger than this is given back once it is empty.
const KEEP_BUFFER_BYTES: usize = 16 * 1024;
/// Zeroed bytes that one read of a body's end may ask for.
const TAIL_READ_BYTES: usize = 64 * 1024;

/// Limits of one connection.
#[derive(Clone, Debug)]
pub(super) struct GateLimits {
    /// Bytes of a head.
    pub head_bytes: usize,
    /// From a head's first byte to its last; also the silence allowed before the first head.
    pub head_timeout: Duration,
    /// Silence between requests.
    pub keep_alive_idle: Duration,
    /// How long a client may take not one byte of its answer.
    pub write_stall: Duration,
}

/// What the bytes after those passed on belong to.
#[derive(Debug)]
enum Place {
    /// The next head, or silence before it.
    Head(HeadScan),
    /// So many more bytes of a body.
    Length(u64),
    /// A chunked body.
    Chunked(Chunks),
    /// Nothing more is let through.
    Closed,
}

/// The gate over one socket.
#[derive(Debug)]
pub(super) struct Gate<S> {
    socket: S,
    limits: GateLimits,
    turn: Arc<Turn>,
    place: Place,
    buffer: Vec<u8>,
    /// First and one past the last byte received and not passed on.
    start: usize,
    end: usize,
    /// How many bytes from `start` on may be passed.
    sound: usize,
    /// An answer is due, or written but not flushed.
    awaits_flush: bool,
    is_first: bool,
    fault: Option<Fault>,
    read_alarm: Alarm,
    write_alarm: Alarm,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Gate<S> {
    /// A gate over a fresh connection.
    pub(super) fn new(socket: S, limits: GateLimits, turn: Arc<Turn>) -> Self {
        Self {
            socket,
            limits,
            turn,
            place: Place::Head(HeadScan::default()),
            buffer: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
            sound: 0,
            awaits_flush: false,
            is_first: true,
            fault: None,
            read_alarm: Alarm::default(),
            write_alarm: Alarm::default(),
        }
    }

    /// The fault of a head that was not let through.
    pub(super) fn head_fault(&self) -> Option<Fault> {
        self.fault
    }

    /// What was received of the head that was not let through.
    pub(super) fn refused_bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Whether the client may still be sending something that nobody will read.
    pub(super) fn has_unread(&self) -> bool {
        self.fault.is_some() || self.start < self.end || !matches!(self.place, Place::Head(_) | Place::Length(0))
    }

    /// Gives the socket back.
    pub(super) fn into_socket(self) -> S {
        self.socket
    }

    fn buffered(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    fn is_busy(&self) -> bool {
        self.awaits_flush || self.turn.is_taken()
    }

    fn refuse(&mut self, fault: Fault) {
        self.fault = Some(fault);
        self.place = Place::Closed;
        self.read_alarm.clear();
    }

    /// Passes sound bytes on.
    fn pass(&mut self, out: &mut ReadBuf<'_>) {
        let count = self.sound.min(out.remaining());
        let to = self.start.saturating_add(count);
        if let Some(bytes) = self.buffer.get(self.start..to) {
            out.put_slice(bytes);
        }
        self.start = to;
        self.sound = self.sound.saturating_sub(count);
        if self.start >= self.end {
            self.start = 0;
            self.end = 0;
            if self.buffer.len() > KEEP_BUFFER_BYTES {
                self.buffer = vec![0; BUFFER_BYTES];
            }
        }
    }

    /// Receives into the buffer, which may grow up to `most` bytes; 0 is the end of the stream.
    fn poll_fill(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<usize>> {
        if self.end == self.buffer.len() {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end = self.buffered();
                self.start = 0;
            } else {
                let larger = self.buffer.len().saturating_mul(2).min(most).max(self.buffer.len());
                self.buffer.resize(larger, 0);
            }
        }
        let Some(free) = self.buffer.get_mut(self.end..) else { return Poll::Ready(Ok(0)) };
        let mut space = ReadBuf::new(free);
        ready!(Pin::new(&mut self.socket).poll_read(cx, &mut space))?;
        let count = space.filled().len();
        self.end = self.end.saturating_add(count);
        Poll::Ready(Ok(count))
    }

    /// While an answer is under way: notices that the client left, and holds back what it sends early.
    fn poll_departure(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.buffered() < BUFFER_BYTES {
            if ready!(self.poll_fill(cx, BUFFER_BYTES))? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
        // hyper asks again when the answer is flushed.
        Poll::Pending
    }

    /// Looks at the next head; ready when there is something to pass on, or the connection ends.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let Place::Head(scan) = &mut self.place else { return Poll::Ready(Ok(())) };
            let received = self.buffer.get(self.start..self.end).unwrap_or_default();
            let found = if received.is_empty() { Ok(None) } else { scan.advance(received) };
            match found {
                Ok(Some(sound)) if sound.len > self.limits.head_bytes => self.refuse(Fault::HeadTooLarge),
                Ok(Some(sound)) => {
                    self.turn.take(sound.needs_strip);
                    self.awaits_flush = true;
                    self.is_first = false;
                    self.read_alarm.clear();
                    self.sound = sound.len;
                    match sound.framing {
                        Framing::Length(length) => self.pass_length(length),
                        Framing::Chunked => self.place = Place::Chunked(Chunks::new()),
                    }
                }
                Ok(None) if self.buffered() >= self.limits.head_bytes => self.refuse(Fault::HeadTooLarge),
                Ok(None) => match self.poll_more_head(cx) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Ok(())),
                    Poll::Ready(Ok(_)) => {}
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => return Poll::Pending,
                },
                Err(fault) => self.refuse(fault),
            }
        }
    }

    /// Receives more of a head under the deadline that holds now; 0 is the end, also of the client's time.
    fn poll_more_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let was_silent = self.buffered() == 0;
        let received = self.poll_fill(cx, self.limits.head_bytes);
        if let Poll::Ready(Ok(1..)) = received {
            if was_silent {
                self.read_alarm.clear();
            }
            return received;
        }
        if received.is_ready() {
            return received;
        }
        let allowed = match (was_silent, self.is_first) {
            (true, false) => self.limits.keep_alive_idle,
            (true, true) | (false, _) => self.limits.head_timeout,
        };
        self.read_alarm.start(allowed);
        ready!(self.read_alarm.poll(cx));
        if was_silent {
            self.place = Place::Closed;
        } else {
            self.refuse(Fault::HeadTimeout);
        }
        Poll::Ready(Ok(0))
    }

    /// The answer is out. hyper believes that it will be woken by the socket when there is more to read, so the gate sees to
    /// it that held-back bytes and the end of patience wake it too.
    fn await_next(&mut self, cx: &mut Context<'_>) {
        let is_silent = self.buffered() == 0;
        self.read_alarm.start(if is_silent { self.limits.keep_alive_idle } else { self.limits.head_timeout });
        if !is_silent || self.read_alarm.poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }

    /// Marks what was received of a body of `length` more bytes as sound.
    fn pass_length(&mut self, length: u64) {
        let waiting = self.buffered().saturating_sub(self.sound);
        let take = usize::try_from(length).unwrap_or(usize::MAX).min(waiting);
        self.sound = self.sound.saturating_add(take);
        self.place = Place::Length(length.saturating_sub(u64::try_from(take).unwrap_or(u64::MAX)));
    }

    /// Reads up to `limit` bytes of a body straight into hyper's buffer.
    fn poll_direct(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>, limit: u64) -> Poll<io::Result<u64>> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let count = if out.remaining() <= limit {
            let before = out.filled().len();
            ready!(Pin::new(&mut self.socket).poll_read(cx, out))?;
            out.filled().len().saturating_sub(before)
        } else {
            // The end of the body: not a byte of what follows may be taken.
            let mut tail = ReadBuf::new(out.initialize_unfilled_to(limit.min(TAIL_READ_BYTES)));
            ready!(Pin::new(&mut self.socket).poll_read(cx, &mut tail))?;
            let count = tail.filled().len();
            out.advance(count);
            count
        };
        Poll::Ready(Ok(u64::try_from(count).unwrap_or(u64::MAX)))
    }

    /// Follows chunk framing over what is buffered.
    fn follow_chunks(&mut self) -> io::Result<()> {
        let Place::Chunked(chunks) = &mut self.place else { return Ok(()) };
        let received = self.buffer.get(self.start..self.end).unwrap_or_default();
        match chunks.advance(received) {
            Ok(count) => {
                self.sound = count;
                if chunks.is_done() {
                    self.place = Place::Head(HeadScan::default());
                }
                Ok(())
            }
            Err(fault) => {
                // The head went through already: the exchange answers, through the error of its body.
                self.place = Place::Closed;
                self.end = self.start;
                Err(io::Error::new(io::ErrorKind::InvalidData, fault))
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Gate<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let gate = self.get_mut();
        loop {
            if gate.sound > 0 {
                gate.pass(out);
                return Poll::Ready(Ok(()));
            }
            match &gate.place {
                Place::Closed => return Poll::Ready(Ok(())),
                Place::Length(0) => gate.place = Place::Head(HeadScan::default()),
                Place::Head(_) if gate.is_busy() => return gate.poll_departure(cx),
                Place::Head(_) => {
                    ready!(gate.poll_head(cx))?;
                    if gate.sound == 0 {
                        return Poll::Ready(Ok(()));
                    }
                }
                Place::Length(length) => {
                    let limit = *length;
                    let count = ready!(gate.poll_direct(cx, out, limit))?;
                    gate.place = Place::Length(limit.saturating_sub(count));
                    return Poll::Ready(Ok(()));
                }
                Place::Chunked(_) if gate.start < gate.end => gate.follow_chunks()?,
                Place::Chunked(chunks) => {
                    let limit = chunks.data_remaining();
                    if limit == 0 {
                        if ready!(gate.poll_fill(cx, BUFFER_BYTES))? == 0 {
                            return Poll::Ready(Ok(()));
                        }
                        continue;
                    }
                    let count = ready!(gate.poll_direct(cx, out, limit))?;
                    if let Place::Chunked(chunks) = &mut gate.place
                        && count > 0
                    {
                        chunks.skip_data(count);
                    }
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Gate<S> {
    /// Turns a write that waits for longer than allowed into an error.
    fn guard_write<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.write_alarm.clear();
            return written;
        }
        self.write_alarm.start(self.limits.write_stall);
        ready!(self.write_alarm.poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read its answer")))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Gate<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let gate = self.get_mut();
        let written = Pin::new(&mut gate.socket).poll_write(cx, bytes);
        gate.guard_write(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let gate = self.get_mut();
        let written = Pin::new(&mut gate.socket).poll_write_vectored(cx, slices);
        gate.guard_write(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let gate = self.get_mut();
        let flushed = Pin::new(&mut gate.socket).poll_flush(cx);
        if let Poll::Ready(Ok(())) = flushed
            && !gate.turn.is_taken()
            && gate.awaits_flush
        {
            gate.awaits_flush = false;
            gate.await_next(cx);
        }
        gate.guard_write(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes before it closes. The socket itself is closed by the connection, after the answer to what was
        // refused here.
        self.poll_flush(cx)
    }
}
