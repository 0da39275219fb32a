//! dora's nodes in Rust, as one program; its first argument says which: the two ends of a latency row (ping, pong), of a
//! stream (source, sink), of a start (first, arrival), and one step of a chain (tick, relay, end).
//!
//! The main thread is bound to the row's core after the node has joined, so that dora's own threads stay free: bound
//! before, they would all share that core. Payloads are written in place by dora's quickest call, send_output_raw.

mod bench;

use bench::{fail, fill, now_ns, place, setting, write, Receiver};
use dora_node_api::dora_core::config::DataId;
use dora_node_api::{DoraArray, DoraNode, Event, EventStream, MetadataParameters, Parameter};

fn main() {
    let role = std::env::args().nth(1).unwrap_or_default();
    let (node, events) = DoraNode::init_from_env().unwrap_or_else(|error| fail(&format!("cannot join: {error}")));
    match role.as_str() {
        "ping" => ping(node, events),
        "pong" => pong(node, events),
        "source" => source(node),
        "sink" => sink(events),
        "first" => first(node, events),
        "arrival" => arrival(events),
        "tick" => tick(node, events),
        "relay" => relay(node, events),
        "end" => end(events),
        _ => fail(&format!("there is no role \"{role}\"")),
    }
}

/// Where they lie, not a copy.
fn bytes_of(data: &DoraArray) -> &[u8] {
    data.try_into().unwrap_or_else(|error| fail(&format!("not bytes: {error}")))
}

fn numbered(number: u64) -> MetadataParameters {
    MetadataParameters::from([("number".to_owned(), Parameter::Integer(number as i64))])
}

fn send(node: &mut DoraNode, output: &DataId, number: u64, size: usize) {
    let began = now_ns();
    let sent = node.send_output_raw(output.clone(), numbered(number), size, |payload| fill(payload, number, began));
    sent.unwrap_or_else(|error| fail(&format!("cannot send: {error}")));
}

/// False when the stream has ended.
fn wait_for_input(events: &mut EventStream) -> bool {
    loop {
        match events.recv() {
            Some(Event::Input { .. }) => return true,
            Some(Event::Stop(_)) | None => return false,
            Some(_) => {}
        }
    }
}

fn ping(mut node: DoraNode, mut events: EventStream) {
    place("BENCH_SENDER_CORE");
    let output = DataId::from("ping".to_owned());
    let size = setting("BENCH_SIZE") as usize;
    for number in 0..setting("BENCH_WARMUP") + setting("BENCH_COUNT") {
        bench::pause();
        send(&mut node, &output, number, size);
        if !wait_for_input(&mut events) {
            fail("the stream ended before the last answer");
        }
    }
}

fn pong(mut node: DoraNode, mut events: EventStream) {
    place("BENCH_RECEIVER_CORE");
    let output = DataId::from("pong".to_owned());
    let mut receiver = Receiver::new();
    while !receiver.is_complete() {
        match events.recv() {
            Some(Event::Input { data, .. }) => receiver.take(bytes_of(&data)),
            Some(_) => continue,
            None => break,
        }
        let answered = node.send_output_raw(output.clone(), MetadataParameters::new(), 8, |answer| answer.fill(0));
        answered.unwrap_or_else(|error| fail(&format!("cannot answer: {error}")));
    }
    receiver.finish();
}

fn source(mut node: DoraNode) {
    place("BENCH_SENDER_CORE");
    let output = DataId::from("out".to_owned());
    let size = setting("BENCH_SIZE") as usize;
    for number in 0..setting("BENCH_WARMUP") + setting("BENCH_COUNT") {
        let sent = node.send_output_raw(output.clone(), MetadataParameters::new(), size, |payload| {
            payload.fill(number as u8);
            payload[..8].copy_from_slice(&number.to_le_bytes());
        });
        sent.unwrap_or_else(|error| fail(&format!("cannot send: {error}")));
    }
}

/// Counts what comes, whatever was lost on the way: messages and time between the first and the last that count, and how many
/// came in all.
fn sink(mut events: EventStream) {
    place("BENCH_RECEIVER_CORE");
    let (warmup, total) = (setting("BENCH_WARMUP"), setting("BENCH_WARMUP") + setting("BENCH_COUNT"));
    let (mut came, mut counted, mut began, mut ended) = (0u64, 0u64, 0u64, 0u64);
    while let Some(event) = events.recv() {
        match event {
            Event::Input { data, .. } => {
                let number = u64::from_le_bytes(bytes_of(&data)[..8].try_into().unwrap());
                came += 1;
                if number < warmup {
                    continue;
                }
                ended = now_ns();
                if began == 0 {
                    began = ended;
                } else {
                    counted += 1;
                }
                if number + 1 == total {
                    break;
                }
            }
            Event::InputClosed { .. } | Event::Stop(_) => break,
            _ => {}
        }
    }
    write(&[counted, ended - began, came, total]);
}

fn first(mut node: DoraNode, mut events: EventStream) {
    send(&mut node, &DataId::from("out".to_owned()), 0, 8);
    // Stays until its receiver has what it wants: a node that is gone closes its output.
    while events.recv().is_some() {}
}

fn arrival(mut events: EventStream) {
    if !wait_for_input(&mut events) {
        fail("the stream ended before the first message");
    }
    write(&[now_ns(), 0]);
}

fn tick(mut node: DoraNode, mut events: EventStream) {
    let output = DataId::from("out".to_owned());
    for number in 0..setting("BENCH_WARMUP") + setting("BENCH_COUNT") {
        if !wait_for_input(&mut events) {
            fail("the stream ended before the last tick");
        }
        send(&mut node, &output, number, 8);
    }
}

fn relay(mut node: DoraNode, mut events: EventStream) {
    let output = DataId::from("out".to_owned());
    while let Some(event) = events.recv() {
        if let Event::Input { data, .. } = event {
            let bytes = bytes_of(&data);
            let sent = node.send_output_raw(output.clone(), MetadataParameters::new(), bytes.len(), |payload| {
                payload.copy_from_slice(bytes);
            });
            sent.unwrap_or_else(|error| fail(&format!("cannot send: {error}")));
        }
    }
}

/// Nanoseconds through the whole chain of each message that arrived.
fn end(mut events: EventStream) {
    let warmup = setting("BENCH_WARMUP");
    let (mut came, mut pairs) = (0u64, Vec::new());
    while let Some(event) = events.recv() {
        if let Event::Input { data, .. } = event {
            let sent = u64::from_le_bytes(bytes_of(&data)[..8].try_into().unwrap());
            came += 1;
            if came > warmup {
                pairs.extend([now_ns() - sent, 0]);
            }
        }
    }
    write(&pairs);
}
