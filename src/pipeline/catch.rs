//! Keeps a panic to the exchange that caused it (THREATS 51).

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// The exchange panicked; its value is gone.
#[derive(Debug)]
pub(super) struct Panicked;

/// Runs a future; a panic in any of its polls drops it and becomes an error. The panic hook has logged it.
/// The future goes into a box: hyper moves the future of an exchange as a whole, and this one is large.
///
/// # Errors
/// [`Panicked`].
pub(super) async fn panics<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = Box::pin(future);
    std::future::poll_fn(move |cx| poll_guarded(future.as_mut(), cx)).await
}

/// The state behind the future is not used again after a panic, so it may be left broken.
fn poll_guarded<F: Future>(future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<Result<F::Output, Panicked>> {
    match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(_) => Poll::Ready(Err(Panicked)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn panic_of_a_future_becomes_an_error_and_drops_what_it_held() {
        struct Told<'a>(&'a std::cell::Cell<bool>);
        impl Drop for Told<'_> {
            fn drop(&mut self) {
                self.0.set(true);
            }
        }
        let dropped = std::cell::Cell::new(false);
        let held = Told(&dropped);
        let result = panics(async {
            let _held = held;
            if dropped.get() {
                return 1;
            }
            panic!("on purpose")
        })
        .await;
        assert!(result.is_err());
        assert!(dropped.get());
    }
}
