//! Memory-order model of the data plane: is each access strong enough? `cargo test --release` explores every
//! execution that the C11 memory model allows for a few messages (loom), within the preemption bounds given.
//!
//! `orders` lists every access whose order matters; each can be weakened, and `tests` weakens each in turn: those
//! tests must fail. `ring` has both ends of an edge, `inbox` the wake-up of the reader, `want` the publisher's two
//! waits (for room in the ring, for a released slot).
//!
//! Loom treats SeqCst accesses as AcqRel and only SeqCst *fences* as such. So what native/core writes as a pair of
//! seq_cst accesses appears here in its weaker-looking form: the accesses, with fence(SeqCst) between them. `asleep`,
//! `want_tail` and `want_slot` are taken by exchange only: loom keeps the modification order of plain stores partial
//! and would report lost wake-ups that C++20 forbids.
#![cfg(test)]
mod inbox;
mod orders;
mod ring;
mod tests;
mod want;

/// Runs `body` in every execution with at most `preemptions` forced switches (None: all) and prints how many there were.
fn explore(preemptions: Option<usize>, body: impl Fn() + Sync + Send + 'static) {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.max_branches = 20_000;
    let executions = std::sync::Arc::new(AtomicUsize::new(0));
    let counter = executions.clone();
    builder.check(move || {
        counter.fetch_add(1, Relaxed);
        body()
    });
    println!("executions explored: {}", executions.load(Relaxed));
}
