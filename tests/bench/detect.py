"""Which share of labelled texts the shipped policy blocks, measured through the socket.

    python3 tests/bench/detect.py BINARY CORPORA

CORPORA is a directory of `*.jsonl.gz` with rows of `text`, `label` (1 attack, 0 benign), `kind` and `lang`. Each text is sent
once as a user's message and once as a tool's result to a gateway with the built-in demo upstream; what is answered 400
`content_policy_violation` counts as blocked. Prints no text.
"""

import collections
import concurrent.futures
import gzip
import http.client
import json
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORKERS = 4
LONGEST_TEXT = 200_000


def free_port():
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


def rows(folder):
    for path in sorted(pathlib.Path(folder).glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                if row["text"].strip() and len(row["text"]) <= LONGEST_TEXT:
                    yield path.name.removesuffix(".jsonl.gz"), row


def as_user(text):
    return [{"role": "user", "content": text}]


def as_tool_result(text):
    call = {"id": "c1", "type": "function", "function": {"name": "fetch", "arguments": "{}"}}
    return [
        {"role": "user", "content": "Summarise the page."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": text},
    ]


local = threading.local()


def is_blocked(port, messages):
    body = json.dumps({"model": "m", "messages": messages}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    for attempt in (1, 2):
        connection = getattr(local, "connection", None) or http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        local.connection = connection
        try:
            connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
            answer = connection.getresponse()
            payload = answer.read()
            break
        except (http.client.HTTPException, ConnectionError):
            local.connection = None
            if attempt == 2:
                raise
    if answer.status == 200:
        return False
    code = json.loads(payload)["error"]["code"]
    if (answer.status, code) != (400, "content_policy_violation"):
        raise SystemExit(f"FAILED: {answer.status} {code}")
    return True


def main(binary, corpora, work):
    traffic, health, admin = free_port(), free_port(), free_port()
    (work / "gateway.yaml").write_text(f"""
listeners: [{{ address: "127.0.0.1:{traffic}" }}]
health: {{ address: "127.0.0.1:{health}" }}
admin: {{ address: "127.0.0.1:{admin}" }}
policies: {ROOT}/policies
upstreams: {{ demo: {{ provider: demo }} }}
routes: [{{ name: demo, path: /v1/, upstreams: [demo], policy: default, access: open }}]
addresses: {{ refusals: unlimited }}
record: {{ stdout: false, file: {{ path: records.log, keep: 1 }} }}
""")
    gateway = subprocess.Popen([binary, "serve", "--config", work / "gateway.yaml"], stderr=subprocess.DEVNULL)
    try:
        while socket.socket().connect_ex(("127.0.0.1", health)) != 0:
            time.sleep(0.05)
        counts = collections.defaultdict(lambda: [0, 0, 0])
        began = time.monotonic()

        def judge(item):
            source, row = item
            return source, row, is_blocked(traffic, as_user(row["text"])), is_blocked(traffic, as_tool_result(row["text"]))

        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            for source, row, user, tool in pool.map(judge, rows(corpora), chunksize=64):
                side = "attack" if row["label"] == 1 else "benign"
                for key in (("kind", side, row["kind"]), ("all", side, ""), ("language", side, row.get("lang") or "?"),
                            ("source", side, source)):
                    count = counts[key]
                    count[0] += 1
                    count[1] += user
                    count[2] += tool
        print(f"{'':10} {'':7} {'':24} {'texts':>7} {'user':>8} {'tool':>8}   blocked, in %")
        for (group, side, name), (total, user, tool) in sorted(counts.items()):
            print(f"{group:10} {side:7} {name:24} {total:7} {100 * user / total:8.2f} {100 * tool / total:8.2f}")
        print(f"{time.monotonic() - began:.0f} s")
    finally:
        gateway.terminate()
        gateway.wait(timeout=40)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        main(pathlib.Path(sys.argv[1]).resolve(), sys.argv[2], pathlib.Path(folder))
