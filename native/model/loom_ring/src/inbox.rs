//! The reader's inbox: ready bits, the asleep flag, and one write to the doorbell per sleep.

use crate::explore;
use crate::orders::{Orders, ReadyBit};
use crate::ring::{Edge, Policy, Publisher, Reader};
use loom::sync::atomic::{fence, AtomicUsize, Ordering::*};
use loom::sync::Arc;
use loom::thread;

struct Inbox {
    ready: AtomicUsize,
    asleep: AtomicUsize,
    doorbell: AtomicUsize,
    sleeps: AtomicUsize,
}

impl Inbox {
    fn new() -> Self {
        let zero = || AtomicUsize::new(0);
        Inbox { ready: zero(), asleep: zero(), doorbell: zero(), sleeps: zero() }
    }

    fn notify(&self, orders: &Orders, bit: usize) {
        if orders.ready_bit == ReadyBit::SkipWithFences {
            fence(SeqCst);
        }
        if orders.ready_bit == ReadyBit::AlwaysSet || self.ready.load(Relaxed) & bit == 0 {
            self.ready.fetch_or(bit, orders.ready_or);
        }
        if orders.fence_writer {
            fence(SeqCst);
        }
        if self.asleep.load(Relaxed) == 1 && self.asleep.swap(0, AcqRel) == 1 {
            self.doorbell.fetch_add(1, Relaxed);
        }
    }

    fn take_ready(&self, orders: &Orders) -> usize {
        if self.ready.load(Relaxed) == 0 {
            return 0;
        }
        let bits = self.ready.swap(0, orders.ready_take);
        if orders.ready_bit == ReadyBit::SkipWithFences {
            fence(SeqCst);
        }
        bits
    }

    /// True: the reader may go to sleep.
    fn try_sleep(&self, orders: &Orders) -> bool {
        self.asleep.swap(1, Relaxed);
        self.sleeps.fetch_add(1, Relaxed);
        if orders.fence_reader {
            fence(SeqCst);
        }
        if self.ready.load(Relaxed) == 0 {
            return true;
        }
        self.asleep.swap(0, Relaxed);
        false
    }
}

/// `writers` publishers with one inbox, and a reader that sleeps when it finds nothing.
pub fn sleeping_reader(orders: Orders, messages: usize, writers: usize, preemptions: Option<usize>) {
    explore(preemptions, move || {
        let inbox = Arc::new(Inbox::new());
        let edges: Vec<_> = (0..writers).map(|_| Arc::new(Edge::<2>::new())).collect();
        let threads: Vec<_> = (0..writers)
            .map(|writer| {
                let (edge, inbox) = (edges[writer].clone(), inbox.clone());
                thread::spawn(move || {
                    let mut publisher = Publisher::<2>::new(orders, Policy::Backpressure);
                    for sequence in 1..=messages {
                        assert!(publisher.send(&edge, sequence));
                        inbox.notify(&orders, 1 << writer);
                    }
                })
            })
            .collect();
        let mut readers: Vec<_> = (0..writers).map(|_| Reader::new(orders, Policy::Backpressure)).collect();
        let mut slept = false;
        for _ in 0..messages * writers + 1 {
            let bits = inbox.take_ready(&orders);
            for writer in (0..writers).filter(|writer| bits >> writer & 1 == 1) {
                while readers[writer].take(&edges[writer], 2) {}
            }
            if inbox.try_sleep(&orders) {
                slept = true;
                break;
            }
        }
        for thread in threads {
            thread.join().unwrap();
        }
        let rung = inbox.doorbell.load(Relaxed);
        assert!(rung <= inbox.sleeps.load(Relaxed), "more than one write to the doorbell per sleep");
        let got: usize = readers.iter().map(|reader| reader.got).sum();
        assert!(!slept || rung > 0 || got == messages * writers, "lost wake-up");
    });
}
