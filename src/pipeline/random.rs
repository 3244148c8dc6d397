//! Random bytes for ids. The kernel is asked for many at a time, since asking costs a system call; no byte is given out
//! twice. Nothing secret may be made of them: what waits stands in memory.

use std::cell::RefCell;

/// Bytes that one call fetches: enough for about a hundred ids.
const FETCHED: usize = 1024;

struct Waiting {
    bytes: [u8; FETCHED],
    /// How many at the front were given out.
    used: usize,
}

thread_local! {
    static WAITING: RefCell<Waiting> = const { RefCell::new(Waiting { bytes: [0; FETCHED], used: FETCHED }) };
}

/// `COUNT` random bytes, at most [`FETCHED`]. Without a source of randomness they are zero: ids are then less unique, and
/// nothing else depends on them.
pub(super) fn bytes<const COUNT: usize>() -> [u8; COUNT] {
    WAITING.with_borrow_mut(Waiting::take)
}

impl Waiting {
    fn take<const COUNT: usize>(&mut self) -> [u8; COUNT] {
        if self.bytes.len().saturating_sub(self.used) < COUNT {
            self.used = 0;
            if getrandom::fill(&mut self.bytes).is_err() {
                self.bytes = [0; FETCHED];
            }
        }
        let taken = self.bytes.get_mut(self.used..).and_then(|rest| rest.first_chunk_mut::<COUNT>());
        self.used = self.used.saturating_add(COUNT);
        taken.map_or([0; COUNT], |taken| std::mem::replace(taken, [0; COUNT]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_bytes_are_given_out_twice_by_any_thread() {
        let draw = || (0..1_000).map(|_| bytes::<10>()).collect::<Vec<_>>();
        let threads = [std::thread::spawn(draw), std::thread::spawn(draw)];
        let drawn: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).chain(draw()).collect();
        assert_eq!(drawn.iter().collect::<HashSet<_>>().len(), drawn.len());
        assert!(!drawn.contains(&[0; 10]));
    }
}
