//! The two ends of a latency row through iceoryx2, as one program: `ping` or `pong`, then `event` (the reader sleeps in a
//! listener until the sender's notifier rings) or `poll` (the reader asks its subscriber again and again).
//!
//! All that iceoryx2 makes lies in BENCH_FOLDER or begins with BENCH_SERVICE, so that runs do not meet and what a killed one leaves can be
//! found. In event mode a message is sent first and its reader rung afterwards, as iceoryx2's own examples do.

mod bench;

use bench::{fail, now_ns, place, setting, Receiver};
use iceoryx2::port::{listener::Listener, notifier::Notifier, publisher::Publisher, subscriber::Subscriber};
use iceoryx2::prelude::*;
use std::{env, error::Error, mem::MaybeUninit, thread, time::Duration};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// One end: where it publishes, where it subscribes, and the bells of both.
struct End {
    publisher: Publisher<ipc::Service, [u8], ()>,
    subscriber: Subscriber<ipc::Service, [u8], ()>,
    bells: Option<(Notifier<ipc::Service>, Listener<ipc::Service>)>,
}

impl End {
    fn open(node: &Node<ipc::Service>, out: &str, out_size: usize, into: &str, events: bool) -> Result<Self> {
        let name = |kind: &str| format!("{}-{kind}", env::var("BENCH_SERVICE").unwrap_or_default());
        let there = node.service_builder(&name(out).as_str().try_into()?).publish_subscribe::<[u8]>().open_or_create()?;
        let back = node.service_builder(&name(into).as_str().try_into()?).publish_subscribe::<[u8]>().open_or_create()?;
        let subscriber = back.subscriber_builder().create()?;
        let bells = if events {
            let ours = node.service_builder(&name(&format!("{out}-bell")).as_str().try_into()?).event().open_or_create()?;
            let theirs = node.service_builder(&name(&format!("{into}-bell")).as_str().try_into()?).event().open_or_create()?;
            let listener = theirs.listener_builder().create()?;
            Self::meet(|| ours.dynamic_config().number_of_listeners() > 0);
            Some((ours.notifier_builder().create()?, listener))
        } else {
            None
        };
        let publisher = there.publisher_builder().initial_max_slice_len(out_size).create()?;
        Self::meet(|| there.dynamic_config().number_of_subscribers() > 0 && back.dynamic_config().number_of_publishers() > 0);
        Ok(End { publisher, subscriber, bells })
    }

    fn meet(is_there: impl Fn() -> bool) {
        for _ in 0..10_000 {
            if is_there() {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        fail("the other end did not come within 10 s");
    }

    fn send(&self, size: usize, write: impl FnOnce(&mut [u8])) -> Result<()> {
        let mut sample = self.publisher.loan_slice_uninit(size)?;
        let payload: &mut [MaybeUninit<u8>] = sample.payload_mut();
        // The writer writes all of it before anybody reads.
        write(unsafe { std::slice::from_raw_parts_mut(payload.as_mut_ptr().cast(), size) });
        unsafe { sample.assume_init() }.send()?;
        if let Some((notifier, _)) = &self.bells {
            notifier.notify()?;
        }
        Ok(())
    }

    fn receive(&self, take: impl FnOnce(&[u8])) -> Result<()> {
        loop {
            if let Some((_, listener)) = &self.bells {
                listener.blocking_wait(|_| {})?;
            }
            if let Some(sample) = self.subscriber.receive()? {
                take(sample.payload());
                return Ok(());
            }
            if self.bells.is_none() {
                std::hint::spin_loop();
            }
        }
    }
}

fn ping(node: &Node<ipc::Service>, events: bool) -> Result<()> {
    place("BENCH_SENDER_CORE");
    let size = setting("BENCH_SIZE") as usize;
    let end = End::open(node, "ping", size, "pong", events)?;
    for number in 0..setting("BENCH_WARMUP") + setting("BENCH_COUNT") {
        bench::pause();
        let began = now_ns();
        end.send(size, |payload| bench::fill(payload, number, began))?;
        end.receive(|_| {})?;
    }
    Ok(())
}

fn pong(node: &Node<ipc::Service>, events: bool) -> Result<()> {
    place("BENCH_RECEIVER_CORE");
    let end = End::open(node, "pong", 8, "ping", events)?;
    let mut receiver = Receiver::new();
    while !receiver.is_complete() {
        end.receive(|payload| receiver.take(payload))?;
        end.send(8, |answer| answer.fill(0))?;
    }
    receiver.finish();
    // The other end still reads the last answer.
    thread::sleep(Duration::from_millis(100));
    Ok(())
}

fn config() -> Result<Config> {
    let mut config = Config::default();
    config.global.prefix = FileName::new(format!("{}-", env::var("BENCH_SERVICE")?).as_bytes())?;
    config.global.set_root_path(&Path::new(env::var("BENCH_FOLDER")?.as_bytes())?);
    Ok(config)
}

fn run(is_ping: bool, events: bool) -> Result<()> {
    // Ctrl-C ends it as it ends every other program here.
    let builder = NodeBuilder::new().config(&config()?).signal_handling_mode(SignalHandlingMode::Disabled);
    let node = builder.create::<ipc::Service>()?;
    if is_ping { ping(&node, events) } else { pong(&node, events) }
}

fn main() {
    // One that spins must not stay when the benchmark is killed.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    set_log_level(LogLevel::Fatal);
    let arguments: Vec<String> = env::args().collect();
    let events = arguments.get(2).is_some_and(|mode| mode == "event");
    if let Err(error) = run(arguments.get(1).is_some_and(|role| role == "ping"), events) {
        fail(&error.to_string());
    }
}
