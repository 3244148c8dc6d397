"""The official openai client against the gateway. Each test has a model of its own, by which requests are counted."""

import json

import openai
import pytest

from harness import ATTACK, eventually

HELLO = "Hello from the mock."
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Current weather of a city.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


def user(text="What is the weather in Lisbon?"):
    return [{"role": "user", "content": text}]


def test_plain_answer_arrives_with_usage_and_request_id(client, harness):
    answer = client.chat.completions.create(model="plain", messages=user())
    assert answer.choices[0].message.content == HELLO
    assert answer.usage.total_tokens == 13
    assert answer._request_id.startswith("req_")
    assert harness.record("plain")["id"] == answer._request_id
    assert harness.seen("plain")[0]["headers"]["authorization"] == "Bearer upstream-key"


def test_stream_arrives_without_usage_that_nobody_asked_for(client, harness):
    chunks = list(client.chat.completions.create(model="stream", messages=user(), stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == HELLO
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks)
    assert harness.seen("stream")[0]["body"]["stream_options"] == {"include_usage": True}
    assert harness.record("stream")["tokens"] == {"input": 9, "output": 4, "estimated": False}


def test_stream_arrives_with_usage_where_it_was_asked_for(client):
    options = {"include_usage": True}
    chunks = list(client.chat.completions.create(model="usage", messages=user(), stream=True, stream_options=options))
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens == 13


def test_tool_call_goes_round(client):
    first = client.chat.completions.create(model="tools", messages=user(), tools=TOOLS)
    call = first.choices[0].message.tool_calls[0]
    assert json.loads(call.function.arguments) == {"city": "Lisbon"}
    history = user() + [
        first.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "18 degrees, light wind"},
    ]
    second = client.chat.completions.create(model="tools", messages=history, tools=TOOLS)
    assert second.choices[0].message.content == HELLO


def test_tool_call_streams(client):
    with client.chat.completions.stream(model="tools-stream", messages=user(), tools=TOOLS) as stream:
        stream.until_done()
        message = stream.get_final_completion().choices[0].message
    assert json.loads(message.tool_calls[0].function.arguments) == {"city": "Lisbon"}


def test_poisoned_tool_result_is_refused(client, harness):
    history = user() + [
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "fetch", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": ATTACK},
    ]
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="poisoned", messages=history)
    assert harness.seen("poisoned") == []


def test_responses_api(client):
    answer = client.responses.create(model="responses", input="What is the weather?")
    assert answer.output_text == HELLO
    assert answer.usage.total_tokens == 13


def test_responses_api_streams(client):
    events = list(client.responses.create(model="responses-stream", input="What is the weather?", stream=True))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == HELLO
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == HELLO


def test_responses_api_blocks(client, harness):
    with pytest.raises(openai.BadRequestError) as refusal:
        client.responses.create(model="responses-blocked", input=ATTACK)
    assert refusal.value.code == "content_policy_violation"
    assert harness.seen("responses-blocked") == []


def test_completions(client):
    assert client.completions.create(model="completions", prompt="Say hello.").choices[0].text == HELLO


def test_embeddings_in_the_clients_own_encoding(client):
    answer = client.embeddings.create(model="embeddings", input=["one", "two"])
    assert [item.embedding for item in answer.data] == [[0.25, -0.5, 1.0]] * 2


def test_models(client):
    assert [model.id for model in client.models.list()] == ["gpt-mock"]
    assert client.models.retrieve("gpt-mock").id == "gpt-mock"


def test_moderations(client):
    assert client.moderations.create(model="moderations", input="a quiet harbour").results[0].flagged is False


def test_block_is_a_bad_request_with_its_code_and_is_sent_once(client, harness):
    with pytest.raises(openai.BadRequestError) as refusal:
        client.chat.completions.create(model="blocked", messages=user(ATTACK))
    error = refusal.value
    assert error.code == "content_policy_violation"
    assert error.body["gateway"]["policy"] == "default"
    assert error.body["gateway"]["rules"]
    assert error.request_id == error.body["gateway"]["request_id"]
    assert harness.seen("blocked") == [], "the attack reached the provider"
    record = harness.record("blocked")  # exactly one: the client did not try again
    assert record["outcome"]["cause"] == "blocked"


def test_block_of_a_stream_is_a_bad_request_too(client, harness):
    with pytest.raises(openai.BadRequestError) as refusal:
        client.chat.completions.create(model="blocked-stream", messages=user(ATTACK), stream=True)
    assert refusal.value.code == "content_policy_violation"
    assert harness.seen("blocked-stream") == []
    harness.record("blocked-stream")


def test_wrong_key_is_an_authentication_error(client, harness):
    stranger = client.with_options(api_key="wrong")
    with pytest.raises(openai.AuthenticationError) as refusal:
        stranger.chat.completions.create(model="stranger", messages=user())
    assert refusal.value.code == "invalid_api_key"
    assert harness.seen("stranger") == []


def test_unknown_endpoint_is_not_found(client):
    with pytest.raises(openai.NotFoundError):
        client.fine_tuning.jobs.list()
    with pytest.raises(openai.NotFoundError):
        client.files.list()


def test_one_failure_of_the_provider_is_retried_by_the_gateway_and_not_by_the_client(client, harness):
    answer = client.chat.completions.create(model="fail-once-py", messages=user())
    assert answer.choices[0].message.content == HELLO
    assert len(harness.seen("fail-once-py")) == 2
    record = harness.record("fail-once-py")  # one exchange at the gateway
    assert [attempt["status"] for attempt in record["attempts"]] == [500, 200]


def test_busy_provider_is_asked_again_after_the_time_it_named(client, harness):
    answer = client.chat.completions.create(model="busy-once-py", messages=user())
    assert answer.choices[0].message.content == HELLO
    assert len(harness.seen("busy-once-py")) == 2


def test_broken_provider_is_an_error_of_the_clients_own_kind(client, harness):
    with pytest.raises(openai.InternalServerError):
        client.with_options(max_retries=0).chat.completions.create(model="broken-py", messages=user())
    assert len(harness.seen("broken-py")) == 3, "one attempt and two retries"


def test_client_that_leaves_drops_the_provider(client, harness):
    before = harness.provider.departures
    stream = client.chat.completions.create(model="endless-py", messages=user(), stream=True)
    texts = [next(stream).choices[0].delta.content for _ in range(3)]
    assert "again " in texts
    stream.close()
    eventually("the provider was dropped", lambda: harness.provider.departures > before, seconds=2)
    assert harness.record("endless-py")["outcome"]["cause"] == "client_left"


def test_raw_answer_shows_the_headers(client):
    raw = client.chat.completions.with_raw_response.create(model="raw", messages=user())
    assert raw.headers["x-request-id"].startswith("req_")
    assert raw.parse().choices[0].message.content == HELLO


def test_demo_answers_plain_and_streamed_without_a_key(demo):
    raw = demo.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=user())
    assert raw.headers["x-portcullis-demo"] == "true"
    assert raw.parse().choices[0].message.content
    chunks = list(demo.chat.completions.create(model="gpt-4o-mini", messages=user(), stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_demo_is_guarded_too(demo):
    with pytest.raises(openai.BadRequestError) as refusal:
        demo.chat.completions.create(model="gpt-4o-mini", messages=user(ATTACK))
    assert refusal.value.code == "content_policy_violation"
