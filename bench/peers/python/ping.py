"""Sender of the latency rows with dora's nodes in Python: a message whenever the answer to the last one came.

The payload is written into one numpy array, as a camera driver would; send_output() gets it as Arrow without a copy.
"""

import struct

import bench
import numpy as np
import pyarrow as pa
from dora import Node

size = bench.setting("BENCH_SIZE")
payload = np.zeros(size, dtype=np.uint8)
node = Node()
bench.place("BENCH_SENDER_CORE")


def wait_for_answer():
    while True:
        event = node.next()
        if event is None:
            raise SystemExit("bench: the stream ended before the last answer")
        if event["type"] == "INPUT":
            return


for number in range(bench.setting("BENCH_WARMUP") + bench.setting("BENCH_COUNT")):
    bench.pause()
    began = bench.now_ns()
    if size >= bench.STAMPS:
        payload.fill(number & 0xFF)
        struct.pack_into("<Q", payload, 8, began)
    struct.pack_into("<Q", payload, 0, bench.now_ns())
    node.send_output("ping", pa.array(payload), {"number": number})
    wait_for_answer()
