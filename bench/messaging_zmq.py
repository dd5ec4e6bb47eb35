"""Request and reply the way of networkzero: ZeroMQ REQ and REP, JSON inside.

    python3 messaging_zmq.py reply PORT
    python3 messaging_zmq.py ask PORT SECONDS TEXT      prints {"count": …, "p50": …, "p99": …} in ms
"""

import json
import sys
import time

import zmq

what, port, *args = sys.argv[1:]
context = zmq.Context()

if what == "reply":
    socket = context.socket(zmq.REP)
    socket.bind("tcp://127.0.0.1:" + port)
    print("ready " + port, flush=True)
    while True:
        message = json.loads(socket.recv().decode("utf-8"))
        socket.send(json.dumps(message).encode("utf-8"))

socket = context.socket(zmq.REQ)
socket.connect("tcp://127.0.0.1:" + port)
seconds, text = float(args[0]), args[1]


def ask():
    socket.send(json.dumps(text).encode("utf-8"))
    return json.loads(socket.recv().decode("utf-8"))


warm = time.perf_counter() + 0.3
while time.perf_counter() < warm:
    ask()
times = []
start = now = time.perf_counter()
while now - start < seconds:
    if ask() != text:
        sys.exit("A wrong reply")
    before, now = now, time.perf_counter()
    times.append(1000 * (now - before))
wall = now - start
times.sort()
print(json.dumps({
    "perSecond": len(times) / wall,
    "p50": times[len(times) // 2],
    "p99": times[int(len(times) * 0.99)],
}))
