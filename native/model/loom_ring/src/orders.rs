//! The orders the protocol asks for, and the ways in which a test may get them wrong.

use loom::sync::atomic::Ordering::{self, *};

/// What the writer does before it sets a ready bit that it sees set already.
#[derive(Clone, Copy, PartialEq)]
pub enum ReadyBit {
    AlwaysSet,
    SkipWithFences,
    SkipWithout,
}

#[derive(Clone, Copy)]
pub struct Orders {
    pub head_store: Ordering,
    pub head_load: Ordering,
    /// Publisher's load, and the store of a backpressure reader.
    pub tail_load: Ordering,
    pub tail_store: Ordering,
    /// drop_oldest: both sides.
    pub tail_exchange: Ordering,
    /// Mistake: the reader stores the tail where it must compare and swap it.
    pub plain_claim: bool,
    /// Mistake: a skip moves head first, then tail.
    pub skip_head_first: bool,
    pub release_or: Ordering,
    pub release_take: Ordering,
    pub ready_or: Ordering,
    pub ready_take: Ordering,
    pub ready_bit: ReadyBit,
    /// Between ready and asleep.
    pub fence_writer: bool,
    pub fence_reader: bool,
    /// Between want_tail and tail.
    pub fence_want_publisher: bool,
    pub fence_want_reader: bool,
    /// Between want_slot and the release map.
    pub fence_slot_publisher: bool,
    pub fence_slot_reader: bool,
}

pub const RIGHT: Orders = Orders {
    head_store: Release,
    head_load: Acquire,
    tail_load: Acquire,
    tail_store: Release,
    tail_exchange: AcqRel,
    plain_claim: false,
    skip_head_first: false,
    release_or: Release,
    release_take: Acquire,
    ready_or: Release,
    ready_take: Acquire,
    ready_bit: ReadyBit::AlwaysSet,
    fence_writer: true,
    fence_reader: true,
    fence_want_publisher: true,
    fence_want_reader: true,
    fence_slot_publisher: true,
    fence_slot_reader: true,
};
