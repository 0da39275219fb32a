//! Both ends of one edge: ring, release map, payloads; and the skip of the hold limit.

use crate::orders::Orders;
use loom::cell::UnsafeCell;
use loom::sync::atomic::{fence, AtomicUsize, Ordering::*};
use std::array::from_fn;

pub const SLOTS: usize = 3;
/// Backpressure uses all three, so that the release map orders nothing that the tail should; drop_oldest two, so that
/// slots come round.
const SLOTS_DROP_OLDEST: usize = 2;
const NOTHING: usize = 99;

#[derive(Clone, Copy, PartialEq)]
pub enum Policy {
    DropOldest,
    Backpressure,
}

/// The shared region of one edge, and the publisher's doorbell.
pub struct Edge<const Q: usize> {
    pub head: AtomicUsize,
    pub tail: AtomicUsize,
    /// drop_oldest: slot and sequence, two words that may be torn.
    cell: [(AtomicUsize, AtomicUsize); Q],
    /// backpressure: never written while it is read; loom proves it.
    plain_cell: [UnsafeCell<(usize, usize)>; Q],
    pub released: AtomicUsize,
    pub want_tail: AtomicUsize,
    pub want_slot: AtomicUsize,
    pub doorbell: AtomicUsize,
    payload: [UnsafeCell<usize>; SLOTS],
}

impl<const Q: usize> Edge<Q> {
    pub fn new() -> Self {
        let zero = || AtomicUsize::new(0);
        Edge {
            head: zero(),
            tail: zero(),
            cell: from_fn(|_| (AtomicUsize::new(NOTHING), AtomicUsize::new(NOTHING))),
            plain_cell: from_fn(|_| UnsafeCell::new((NOTHING, NOTHING))),
            released: zero(),
            want_tail: zero(),
            want_slot: zero(),
            doorbell: zero(),
            payload: from_fn(|_| UnsafeCell::new(0)),
        }
    }
}

/// The publisher's private memory.
pub struct Publisher<const Q: usize> {
    orders: Orders,
    policy: Policy,
    slots: usize,
    /// Most slots the reader may have, queued and held; beyond it a drop_oldest message is skipped.
    pub hold_limit: usize,
    pub head: usize,
    mine: [usize; Q],
    pub given: usize,
    pub sent: usize,
    pub dropped: usize,
}

impl<const Q: usize> Publisher<Q> {
    pub fn new(orders: Orders, policy: Policy) -> Self {
        let slots = if policy == Policy::Backpressure { SLOTS } else { SLOTS_DROP_OLDEST };
        Publisher { orders, policy, slots, hold_limit: SLOTS + 1, head: 0, mine: [0; Q], given: 0, sent: 0, dropped: 0 }
    }

    pub fn sweep(&mut self, edge: &Edge<Q>) {
        self.given &= !edge.released.swap(0, self.orders.release_take);
    }

    /// As native/core sweeps: a word that reads 0 is not exchanged.
    pub fn sweep_if_any(&mut self, edge: &Edge<Q>) {
        if edge.released.load(Relaxed) != 0 {
            self.sweep(edge);
        }
    }

    fn free_slot(&mut self, edge: &Edge<Q>) -> Option<usize> {
        if self.given == (1 << self.slots) - 1 {
            self.sweep(edge);
        }
        (0..self.slots).find(|slot| self.given >> slot & 1 == 0)
    }

    fn at_limit(&mut self, edge: &Edge<Q>) -> bool {
        if (self.given.count_ones() as usize) < self.hold_limit {
            return false;
        }
        self.sweep(edge);
        self.given.count_ones() as usize >= self.hold_limit
    }

    /// False: no slot is free, or (backpressure) the ring has no room.
    pub fn send(&mut self, edge: &Edge<Q>, sequence: usize) -> bool {
        let Some(slot) = self.free_slot(edge) else { return false };
        let tail = edge.tail.load(self.orders.tail_load);
        assert!(self.head.wrapping_sub(tail) <= Q, "impossible tail");
        let is_full = self.head - tail == Q;
        if is_full && self.policy == Policy::Backpressure {
            return false;
        }
        edge.payload[slot].with_mut(|payload| unsafe { *payload = sequence });
        if is_full {
            self.take_back(edge, tail);
        }
        self.sent += 1;
        while self.policy == Policy::DropOldest && self.at_limit(edge) {
            let tail = edge.tail.load(self.orders.tail_load);
            if tail == self.head {
                self.skip(edge);
                return true;
            }
            self.take_back(edge, tail);
        }
        self.put(edge, slot, sequence);
        true
    }

    fn take_back(&mut self, edge: &Edge<Q>, tail: usize) {
        if edge.tail.compare_exchange(tail, tail + 1, self.orders.tail_exchange, Acquire).is_ok() {
            self.given &= !(1 << self.mine[tail % Q]);
            self.dropped += 1;
        }
    }

    /// The ring is empty and the reader has all it may: the message is dropped by position.
    fn skip(&mut self, edge: &Edge<Q>) {
        let move_tail = || {
            let moved = edge.tail.compare_exchange(self.head, self.head + 1, self.orders.tail_exchange, Acquire);
            assert!(moved.is_ok(), "the reader moved the tail of an empty ring");
        };
        if self.orders.skip_head_first {
            edge.head.store(self.head + 1, self.orders.head_store);
            move_tail();
        } else {
            move_tail();
            edge.head.store(self.head + 1, self.orders.head_store);
        }
        self.head += 1;
        self.dropped += 1;
    }

    fn put(&mut self, edge: &Edge<Q>, slot: usize, sequence: usize) {
        self.given |= 1 << slot;
        self.mine[self.head % Q] = slot;
        if self.policy == Policy::Backpressure {
            edge.plain_cell[self.head % Q].with_mut(|cell| unsafe { *cell = (slot, sequence) });
        } else {
            edge.cell[self.head % Q].0.store(slot, Relaxed);
            edge.cell[self.head % Q].1.store(sequence, Relaxed);
        }
        self.head += 1;
        edge.head.store(self.head, self.orders.head_store);
    }
}

/// The reader's private memory.
pub struct Reader {
    orders: Orders,
    policy: Policy,
    pub got: usize,
    /// Drops counted by position.
    pub dropped: usize,
    next: usize,
    last: usize,
}

impl Reader {
    pub fn new(orders: Orders, policy: Policy) -> Self {
        Reader { orders, policy, got: 0, dropped: 0, next: 0, last: 0 }
    }

    /// Claims one entry, reads its payload, releases its slot. False: nothing was there.
    pub fn take<const Q: usize>(&mut self, edge: &Edge<Q>, tries: usize) -> bool {
        let Some(slot) = self.claim(edge, tries) else { return false };
        self.release(edge, slot);
        true
    }

    /// Returns the slot of an entry that was claimed and read.
    pub fn claim<const Q: usize>(&mut self, edge: &Edge<Q>, tries: usize) -> Option<usize> {
        for _ in 0..tries {
            let head = edge.head.load(self.orders.head_load);
            let tail = edge.tail.load(Acquire);
            if head == tail {
                return None;
            }
            if head < tail {
                continue; // an old head, or half a skip
            }
            assert!(head - tail <= Q, "honest publisher taken for a corrupt one");
            let Some((slot, sequence)) = self.claim_at(edge, tail) else { continue };
            assert!(slot < SLOTS, "torn or empty entry");
            let payload = edge.payload[slot].with(|payload| unsafe { *payload });
            assert_eq!(payload, sequence, "entry and payload differ");
            assert!(sequence > self.last, "doubled or reordered");
            self.last = sequence;
            self.got += 1;
            self.dropped += tail - self.next;
            self.next = tail + 1;
            return Some(slot);
        }
        None
    }

    fn claim_at<const Q: usize>(&mut self, edge: &Edge<Q>, tail: usize) -> Option<(usize, usize)> {
        if self.policy == Policy::Backpressure {
            let cell = edge.plain_cell[tail % Q].with(|cell| unsafe { *cell });
            edge.tail.store(tail + 1, self.orders.tail_store);
            if self.orders.fence_want_reader {
                fence(SeqCst);
            }
            let want = edge.want_tail.load(Relaxed);
            if want != 0 && tail + 1 >= want && edge.want_tail.swap(0, AcqRel) != 0 {
                edge.doorbell.fetch_add(1, Relaxed);
            }
            return Some(cell);
        }
        let cell = (edge.cell[tail % Q].0.load(Relaxed), edge.cell[tail % Q].1.load(Relaxed));
        if self.orders.plain_claim {
            edge.tail.store(tail + 1, Release);
            return Some(cell);
        }
        edge.tail.compare_exchange(tail, tail + 1, self.orders.tail_exchange, Relaxed).is_ok().then_some(cell)
    }

    pub fn release<const Q: usize>(&self, edge: &Edge<Q>, slot: usize) {
        edge.released.fetch_or(1 << slot, self.orders.release_or);
        if self.orders.fence_slot_reader {
            fence(SeqCst);
        }
        if edge.want_slot.load(Relaxed) != 0 && edge.want_slot.swap(0, AcqRel) != 0 {
            edge.doorbell.fetch_add(1, Relaxed);
        }
    }

    /// Drops up to now: what lies between the last claim and the tail counts too.
    pub fn all_drops<const Q: usize>(&self, edge: &Edge<Q>) -> usize {
        self.dropped + edge.tail.load(Acquire).min(edge.head.load(Acquire)) - self.next
    }
}
