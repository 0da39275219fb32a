//! What the peers' programs in Rust share: the clock, their settings, and the file that a row's figures are written to.
//! The same as bench/native/bench.h, which says what stands in that file. Copied beside each program when it is built.
//!
//! Not every program uses all of it.
#![allow(dead_code)]

use std::{env, fs, process, thread, time::Duration};

/// Bytes of the two stamps at the start of a payload: at the send call, and before the payload was written.
pub const STAMPS: usize = 16;

/// CLOCK_MONOTONIC, one clock for all processes of a machine.
pub fn now_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

pub fn fail(why: &str) -> ! {
    eprintln!("bench: {why}");
    process::exit(1);
}

pub fn setting(name: &str) -> u64 {
    match env::var(name).ok().and_then(|text| text.parse().ok()) {
        Some(value) => value,
        None => fail(&format!("{name} is no number; start this through `npm run bench`")),
    }
}

/// Moves the calling thread to the core that this variable names; threads that exist already stay free to roam.
pub fn place(name: &str) {
    let Some(core) = env::var(name).ok().and_then(|text| text.parse::<usize>().ok()) else { return };
    let done = unsafe {
        let mut cores: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut cores);
        libc::sched_setaffinity(0, std::mem::size_of_val(&cores), &cores)
    };
    if done != 0 {
        fail(&format!("{name} names a core that cannot be used"));
    }
}

/// The rest between two messages that the row asks for.
pub fn pause() {
    let us = setting("BENCH_PAUSE_US");
    if us > 0 {
        thread::sleep(Duration::from_micros(us));
    }
}

/// Fills a payload as the nodes that are compared with it do: all of it, then the stamps.
pub fn fill(payload: &mut [u8], number: u64, began_ns: u64) {
    if payload.len() >= STAMPS {
        payload.fill(number as u8);
        payload[8..16].copy_from_slice(&began_ns.to_le_bytes());
    }
    payload[..8].copy_from_slice(&now_ns().to_le_bytes());
}

/// Takes the time of messages in order and checks each.
pub struct Receiver {
    size: usize,
    warmup: u64,
    total: u64,
    received: u64,
    pairs: Vec<u64>,
}

impl Receiver {
    pub fn new() -> Self {
        let (warmup, count) = (setting("BENCH_WARMUP"), setting("BENCH_COUNT"));
        let size = setting("BENCH_SIZE") as usize;
        Receiver { size, warmup, total: warmup + count, received: 0, pairs: Vec::with_capacity(2 * count as usize) }
    }

    pub fn take(&mut self, payload: &[u8]) {
        let sent = u64::from_le_bytes(payload[..8].try_into().unwrap());
        let began = if payload.len() < STAMPS { sent } else { u64::from_le_bytes(payload[8..16].try_into().unwrap()) };
        let now = now_ns();
        if self.received >= self.warmup {
            self.pairs.extend([now - sent, now - began]);
        }
        let whole = payload.len() == self.size;
        if !whole || (self.size >= STAMPS && self.size > 16 && payload[self.size - 1] != self.received as u8) {
            fail(&format!("message {} is wrong or missing", self.received));
        }
        self.received += 1;
    }

    pub fn is_complete(&self) -> bool {
        self.received == self.total
    }

    pub fn finish(&self) {
        if !self.is_complete() {
            fail(&format!("{} of {} messages came", self.received, self.total));
        }
        write(&self.pairs);
    }
}

pub fn write(pairs: &[u64]) {
    let bytes: Vec<u8> = pairs.iter().flat_map(|number| number.to_ne_bytes()).collect();
    let name = env::var("BENCH_RESULT").unwrap_or_else(|_| fail("BENCH_RESULT is not set"));
    if fs::write(&name, bytes).is_err() {
        fail(&format!("{name} cannot be written"));
    }
}
