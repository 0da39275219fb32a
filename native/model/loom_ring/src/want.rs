//! The publisher's two waits: for room in the ring (want_tail, tail) and for a released slot (want_slot, release map).

use crate::explore;
use crate::orders::Orders;
use crate::ring::{Edge, Policy, Publisher, Reader};
use loom::sync::atomic::{fence, Ordering::*};
use loom::sync::Arc;
use loom::thread;

/// A full ring: the publisher says so, looks again, sleeps; the reader claims, looks for the wish, rings.
pub fn room(orders: Orders) {
    explore(None, move || {
        let edge = Arc::new(Edge::<1>::new());
        let mut publisher = Publisher::<1>::new(orders, Policy::Backpressure);
        assert!(publisher.send(&edge, 1));
        let theirs = edge.clone();
        let reader = thread::spawn(move || Reader::new(orders, Policy::Backpressure).take(&theirs, 1));
        let mut sleeps = false;
        if !publisher.send(&edge, 2) {
            edge.want_tail.store(publisher.head, Relaxed);
            if orders.fence_want_publisher {
                fence(SeqCst);
            }
            sleeps = publisher.head - edge.tail.load(Acquire) == 1;
        }
        let claimed = reader.join().unwrap();
        assert!(!sleeps || !claimed || edge.doorbell.load(Relaxed) > 0, "the publisher waits for room for ever");
    });
}

/// The reader has every slot it may have: the publisher sweeps, says so, sweeps again, sleeps; the reader releases,
/// looks for the wish, rings. The same for an empty pool and for the hold limit.
pub fn slot(orders: Orders) {
    explore(None, move || {
        let edge = Arc::new(Edge::<1>::new());
        let mut publisher = Publisher::<1>::new(orders, Policy::DropOldest);
        assert!(publisher.send(&edge, 1));
        let mut reader = Reader::new(orders, Policy::DropOldest);
        let held = reader.claim(&edge, 1).expect("it was put by this thread");
        let theirs = edge.clone();
        let reader = thread::spawn(move || reader.release(&theirs, held));
        publisher.sweep(&edge);
        let mut sleeps = false;
        if publisher.given != 0 {
            edge.want_slot.store(1, Relaxed);
            if orders.fence_slot_publisher {
                fence(SeqCst);
            }
            publisher.sweep_if_any(&edge);
            sleeps = publisher.given != 0;
        }
        reader.join().unwrap();
        assert!(!sleeps || edge.doorbell.load(Relaxed) > 0, "the publisher waits for a slot for ever");
    });
}
