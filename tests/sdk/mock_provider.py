"""A provider that answers by script: OpenAI's and Anthropic's endpoints, whole and streamed, on one port.

The model's name chooses the behaviour:

    fail-once-*   500 to the first request of that model, then an answer
    busy-once-*   429 with `retry-after: 1` to the first request of that model, then an answer
    broken-*      500 always
    endless-*     a stream that goes on until the client leaves
    anything else an answer; a tool call where tools are offered and the last message is the user's

`GET /__seen` lists what came, `GET /__departures` counts the clients that left during a stream.
Only the standard library is used.
"""

import base64
import json
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TEXT = ["Hello", " from", " the", " mock."]
OPENAI_USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


class Provider(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port):
        super().__init__(("127.0.0.1", port), Handler)
        self.lock = threading.Lock()
        self.seen = []
        self.departures = 0

    def note(self, entry):
        """Keeps a request and says how many of the same model came before it."""
        with self.lock:
            before = sum(1 for one in self.seen if one["model"] == entry["model"])
            self.seen.append(entry)
            return before


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    # --- answers ---------------------------------------------------------------------------------------------------

    def answer(self, status, body, headers=()):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def error(self, status, headers=()):
        self.answer(status, {"error": {"message": "scripted", "type": "server_error", "param": None, "code": None}}, headers)

    def stream(self, frames):
        """Writes (event name or None, payload) pairs, each in a chunk of its own."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            for name, payload in frames:
                text = payload if isinstance(payload, str) else json.dumps(payload)
                event = (f"event: {name}\n" if name else "") + f"data: {text}\n\n"
                self.wfile.write(f"{len(event.encode()):x}\r\n{event}\r\n".encode())
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            with self.server.lock:
                self.server.departures += 1
            self.close_connection = True

    # --- requests --------------------------------------------------------------------------------------------------

    def do_GET(self):
        path = self.path.split("?")[0]
        if path == "/__seen":
            return self.answer(200, self.server.seen)
        if path == "/__departures":
            return self.answer(200, self.server.departures)
        self.server.note({"path": path, "model": None, "body": None, "headers": self.header_map()})
        if path == "/v1/models" and self.headers.get("anthropic-version"):
            model = {"type": "model", "id": "claude-mock", "display_name": "Mock", "created_at": "2026-01-01T00:00:00Z"}
            return self.answer(200, {"data": [model], "has_more": False, "first_id": "claude-mock", "last_id": "claude-mock"})
        if path == "/v1/models":
            return self.answer(200, {"object": "list", "data": [openai_model("gpt-mock")]})
        if path.startswith("/v1/models/"):
            return self.answer(200, openai_model(path.rsplit("/", 1)[1]))
        return self.error(404)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        model = body.get("model", "")
        before = self.server.note({"path": self.path, "model": model, "body": body, "headers": self.header_map()})
        if model.startswith("broken") or (model.startswith("fail-once") and before == 0):
            return self.error(500)
        if model.startswith("busy-once") and before == 0:
            return self.error(429, [("retry-after", "1")])
        answer = ENDPOINTS.get(self.path.split("?")[0])
        return answer(self, body) if answer else self.error(404)

    def header_map(self):
        return {name.lower(): value for name, value in self.headers.items()}


def openai_model(name):
    return {"id": name, "object": "model", "created": 1, "owned_by": "mock"}


# --- OpenAI ------------------------------------------------------------------------------------------------------------


def chat(handler, body):
    wants_tool = body.get("tools") and body["messages"][-1]["role"] == "user"
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Lisbon"}'}}
    if body.get("stream"):
        return handler.stream(chat_frames(body, call if wants_tool else None))
    message = {"role": "assistant", "content": None, "tool_calls": [call]} if wants_tool else text_message()
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if wants_tool else "stop"}
    base = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": body["model"]}
    return handler.answer(200, {**base, "choices": [choice], "usage": OPENAI_USAGE})


def text_message():
    return {"role": "assistant", "content": "".join(TEXT)}


def chat_frames(body, call):
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}

    def chunk(delta, reason=None):
        return None, {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    yield chunk({"role": "assistant", "content": None if call else ""})
    while body["model"].startswith("endless"):
        yield chunk({"content": "again "})
        time.sleep(0.02)
    if call:
        head = {**call, "function": {"name": "get_weather", "arguments": ""}}
        yield chunk({"tool_calls": [{"index": 0, **head}]})
        for piece in ('{"city"', ':"Lis', 'bon"}'):
            yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
        yield chunk({}, "tool_calls")
    else:
        for piece in TEXT:
            yield chunk({"content": piece})
        yield chunk({}, "stop")
    if body.get("stream_options", {}).get("include_usage"):
        yield None, {**base, "choices": [], "usage": OPENAI_USAGE}
    yield None, "[DONE]"


def completions(handler, body):
    choice = {"index": 0, "text": "".join(TEXT), "finish_reason": "stop", "logprobs": None}
    base = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": body["model"]}
    return handler.answer(200, {**base, "choices": [choice], "usage": OPENAI_USAGE})


def responses(handler, body):
    usage = {
        "input_tokens": 9, "output_tokens": 4, "total_tokens": 13,
        "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0},
    }
    part = {"type": "output_text", "text": "".join(TEXT), "annotations": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    whole = {
        "id": "resp_1", "object": "response", "created_at": 1, "model": body["model"], "status": "completed",
        "output": [item], "usage": usage, "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
        "error": None, "incomplete_details": None, "instructions": None, "metadata": {}, "temperature": 1, "top_p": 1,
    }
    if not body.get("stream"):
        return handler.answer(200, whole)
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    where = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    frames = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "status": "in_progress", "content": []}},
        {"type": "response.content_part.added", **where, "part": {**part, "text": ""}},
        *({"type": "response.output_text.delta", **where, "delta": piece, "logprobs": []} for piece in TEXT),
        {"type": "response.output_text.done", **where, "text": "".join(TEXT), "logprobs": []},
        {"type": "response.content_part.done", **where, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    ]
    return handler.stream((frame["type"], {**frame, "sequence_number": n}) for n, frame in enumerate(frames))


def embeddings(handler, body):
    vector = [0.25, -0.5, 1.0]
    if body.get("encoding_format") == "base64":
        vector = base64.b64encode(struct.pack("<3f", *vector)).decode()
    inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
    data = [{"object": "embedding", "index": n, "embedding": vector} for n in range(len(inputs))]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return handler.answer(200, {"object": "list", "model": body["model"], "data": data, "usage": usage})


def moderations(handler, body):
    result = {"flagged": False, "categories": {"violence": False}, "category_scores": {"violence": 0.01}}
    return handler.answer(200, {"id": "modr-1", "model": body["model"], "results": [result]})


# --- Anthropic ---------------------------------------------------------------------------------------------------------


def messages(handler, body):
    last = body["messages"][-1]["content"]
    wants_tool = body.get("tools") and not (isinstance(last, list) and any(b["type"] == "tool_result" for b in last))
    call = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Lisbon"}}
    block = call if wants_tool else {"type": "text", "text": "".join(TEXT)}
    reason = "tool_use" if wants_tool else "end_turn"
    whole = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "content": [block],
        "stop_reason": reason, "stop_sequence": None, "usage": {"input_tokens": 9, "output_tokens": 4},
    }
    if not body.get("stream"):
        return handler.answer(200, whole)
    return handler.stream((frame["type"], frame) for frame in message_frames(whole, block, reason))


def message_frames(whole, block, reason):
    begun = {**whole, "content": [], "stop_reason": None, "usage": {"input_tokens": 9, "output_tokens": 1}}
    yield {"type": "message_start", "message": begun}
    if block["type"] == "tool_use":
        yield {"type": "content_block_start", "index": 0, "content_block": {**block, "input": {}}}
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ('{"city"', ': "Lisbon"}')]
    else:
        yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        deltas = [{"type": "text_delta", "text": piece} for piece in TEXT]
    yield {"type": "ping"}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    yield {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": {"output_tokens": 4}}
    yield {"type": "message_stop"}


def count_tokens(handler, _body):
    return handler.answer(200, {"input_tokens": 9})


ENDPOINTS = {
    "/v1/chat/completions": chat,
    "/v1/completions": completions,
    "/v1/responses": responses,
    "/v1/embeddings": embeddings,
    "/v1/moderations": moderations,
    "/v1/messages": messages,
    "/v1/messages/count_tokens": count_tokens,
}


if __name__ == "__main__":
    Provider(int(sys.argv[1])).serve_forever()
