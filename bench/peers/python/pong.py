"""Receiver of the latency rows with dora's nodes in Python: takes the time, checks the message, answers with 8 bytes."""

import bench
import pyarrow as pa
from dora import Node

size = bench.setting("BENCH_SIZE")
warmup = bench.setting("BENCH_WARMUP")
total = warmup + bench.setting("BENCH_COUNT")
answer = pa.array(bytes(8), type=pa.uint8())
node = Node()
bench.place("BENCH_RECEIVER_CORE")
pairs = []
received = 0

while received < total:
    event = node.next()
    if event is None:
        break
    if event["type"] != "INPUT":
        continue
    data = event["value"].to_numpy()
    sent, began = bench.stamps_of(data)
    now = bench.now_ns()
    if received >= warmup:
        pairs += (now - sent, now - began)
    if len(data) != size or (size > bench.STAMPS and data[-1] != received & 0xFF):
        raise SystemExit(f"bench: message {received} is wrong or missing")
    received += 1
    node.send_output("pong", answer)

if received != total:
    raise SystemExit(f"bench: {received} of {total} messages came")
bench.write(pairs)
