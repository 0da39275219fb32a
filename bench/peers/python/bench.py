"""What the peer's nodes in Python share: the clock, their settings, the figures. The same as bench/native/bench.h."""

import os
import struct
import time

STAMPS = 16


def now_ns():
    """CLOCK_MONOTONIC, one clock for all processes of a machine."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def setting(name):
    return int(os.environ[name])


def place(name):
    """Moves the calling thread; threads that exist already stay free to roam."""
    core = os.environ.get(name)
    if core is not None:
        os.sched_setaffinity(0, {int(core)})


def pause():
    us = setting("BENCH_PAUSE_US")
    if us > 0:
        time.sleep(us / 1e6)


def stamps_of(data):
    """When it was sent, and when its writer began."""
    sent = struct.unpack_from("<Q", data)[0]
    return sent, sent if len(data) < STAMPS else struct.unpack_from("<Q", data, 8)[0]


def write(pairs):
    with open(os.environ["BENCH_RESULT"], "wb") as file:
        file.write(struct.pack(f"={len(pairs)}Q", *pairs))
