//! The protocol as it is must pass; each weakening must fail. Bounds keep the whole under a minute.

use crate::explore;
use crate::inbox::sleeping_reader;
use crate::orders::{Orders, ReadyBit, RIGHT};
use crate::ring::{Edge, Policy, Publisher, Reader};
use crate::want;
use loom::sync::atomic::Ordering::*;
use loom::sync::Arc;
use loom::thread;
use Policy::*;

/// `messages` sent while a reader looks `reads` times; then the rest is read and the books must balance.
fn ring<const Q: usize>(orders: Orders, policy: Policy, messages: usize, reads: usize, preemptions: Option<usize>) {
    explore(preemptions, move || {
        let edge = Arc::new(Edge::<Q>::new());
        let theirs = edge.clone();
        let reading = thread::spawn(move || {
            let mut reader = Reader::new(orders, policy);
            for _ in 0..reads {
                if !reader.take(&theirs, 2) && policy == Backpressure {
                    thread::yield_now();
                }
            }
            reader
        });
        let mut publisher = Publisher::<Q>::new(orders, policy);
        for sequence in 1..=messages {
            if !publisher.send(&edge, sequence) && policy == Backpressure {
                thread::yield_now();
                publisher.send(&edge, sequence);
            }
        }
        settle(&edge, publisher, reading.join().unwrap());
    });
}

/// The reader holds one sample, which is all it may: messages are skipped until it releases it.
fn skip(orders: Orders, messages: usize, preemptions: Option<usize>) {
    explore(preemptions, move || {
        let edge = Arc::new(Edge::<1>::new());
        let mut publisher = Publisher::<1>::new(orders, DropOldest);
        publisher.hold_limit = 1;
        assert!(publisher.send(&edge, 1));
        let mut reader = Reader::new(orders, DropOldest);
        let held = reader.claim(&edge, 1).expect("it was put by this thread");
        let theirs = edge.clone();
        let reading = thread::spawn(move || {
            reader.take(&theirs, 2);
            reader.release(&theirs, held);
            reader.take(&theirs, 2);
            reader
        });
        for sequence in 2..=messages {
            assert!(publisher.send(&edge, sequence));
        }
        settle(&edge, publisher, reading.join().unwrap());
    });
}

fn settle<const Q: usize>(edge: &Edge<Q>, mut publisher: Publisher<Q>, mut reader: Reader) {
    while reader.take(edge, 3) {}
    assert_eq!(reader.got + publisher.dropped, publisher.sent, "received + dropped = sent");
    assert_eq!(reader.all_drops(edge), publisher.dropped, "the reader counts every drop");
    publisher.sweep(edge);
    assert_eq!(publisher.given, 0, "leak");
}

macro_rules! passes {
    ($($name:ident $body:expr;)*) => { $(#[test] fn $name() { $body })* };
}
macro_rules! fails {
    ($($name:ident $why:literal $body:expr;)*) => { $(#[test] #[should_panic(expected = $why)] fn $name() { $body })* };
}

passes! {
    drop_oldest_queue_1 ring::<1>(RIGHT, DropOldest, 2, 2, None);
    drop_oldest_queue_1_three_messages ring::<1>(RIGHT, DropOldest, 3, 2, Some(3));
    drop_oldest_queue_2 ring::<2>(RIGHT, DropOldest, 4, 3, Some(3));
    backpressure_queue_1 ring::<1>(RIGHT, Backpressure, 3, 3, Some(4));
    backpressure_queue_2 ring::<2>(RIGHT, Backpressure, 3, 3, Some(3));
    skip_one skip(RIGHT, 2, None);
    skip_two skip(RIGHT, 3, Some(3));
    sleep_one_writer sleeping_reader(RIGHT, 2, 1, None);
    sleep_two_writers sleeping_reader(RIGHT, 1, 2, Some(2));
    sleep_ready_bit_not_set_twice sleeping_reader(Orders { ready_bit: ReadyBit::SkipWithFences, ..RIGHT }, 2, 1, None);
    want_room want::room(RIGHT);
    want_slot want::slot(RIGHT);
}

fails! {
    weak_head_store "Causality violation"
        ring::<1>(Orders { head_store: Relaxed, ..RIGHT }, Backpressure, 2, 2, None);
    weak_head_load "Causality violation"
        ring::<1>(Orders { head_load: Relaxed, ..RIGHT }, Backpressure, 2, 2, None);
    weak_tail_store "Causality violation"
        ring::<1>(Orders { tail_store: Relaxed, ..RIGHT }, Backpressure, 3, 3, Some(4));
    weak_tail_load "Causality violation"
        ring::<1>(Orders { tail_load: Relaxed, ..RIGHT }, Backpressure, 3, 3, Some(4));
    plain_claim "received + dropped = sent"
        ring::<1>(Orders { plain_claim: true, ..RIGHT }, DropOldest, 3, 2, None);
    skip_head_first "doubled or reordered"
        skip(Orders { skip_head_first: true, ..RIGHT }, 2, None);
    weak_release "Causality violation"
        ring::<1>(Orders { release_or: Relaxed, ..RIGHT }, DropOldest, 3, 2, Some(3));
    weak_sweep "Causality violation"
        ring::<1>(Orders { release_take: Relaxed, ..RIGHT }, DropOldest, 3, 2, Some(3));
    no_fence_in_writer "lost wake-up"
        sleeping_reader(Orders { fence_writer: false, ..RIGHT }, 1, 1, None);
    no_fence_in_reader "lost wake-up"
        sleeping_reader(Orders { fence_reader: false, ..RIGHT }, 1, 1, None);
    weak_ready_or "lost wake-up"
        sleeping_reader(Orders { ready_or: Relaxed, ..RIGHT }, 2, 1, None);
    weak_ready_take "lost wake-up"
        sleeping_reader(Orders { ready_take: Relaxed, ..RIGHT }, 2, 1, None);
    ready_bit_skipped_without_fences "lost wake-up"
        sleeping_reader(Orders { ready_bit: ReadyBit::SkipWithout, ..RIGHT }, 2, 1, None);
    no_fence_after_want_tail "waits for room for ever"
        want::room(Orders { fence_want_publisher: false, ..RIGHT });
    no_fence_after_claim "waits for room for ever"
        want::room(Orders { fence_want_reader: false, ..RIGHT });
    no_fence_after_want_slot "waits for a slot for ever"
        want::slot(Orders { fence_slot_publisher: false, ..RIGHT });
    no_fence_after_release "waits for a slot for ever"
        want::slot(Orders { fence_slot_reader: false, ..RIGHT });
}
