"""The official anthropic client against the gateway."""

import anthropic
import pytest

from harness import ATTACK

HELLO = "Hello from the mock."
TOOLS = [
    {
        "name": "get_weather",
        "description": "Current weather of a city.",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    }
]


def ask(text="What is the weather in Lisbon?"):
    return {"max_tokens": 64, "messages": [{"role": "user", "content": text}]}


def test_plain_answer_arrives(claude, harness):
    answer = claude.messages.create(model="claude-plain", **ask())
    assert answer.content[0].text == HELLO
    assert answer.usage.output_tokens == 4
    assert answer._request_id.startswith("req_")
    assert harness.seen("claude-plain")[0]["headers"]["x-api-key"] == "upstream-key"
    assert harness.record("claude-plain")["tokens"]["input"] == 9


def test_stream_arrives(claude):
    with claude.messages.stream(model="claude-stream", **ask()) as stream:
        assert "".join(stream.text_stream) == HELLO
        final = stream.get_final_message()
    assert (final.stop_reason, final.usage.output_tokens) == ("end_turn", 4)


def test_tool_call_goes_round(claude):
    first = claude.messages.create(model="claude-tools", tools=TOOLS, **ask())
    call = first.content[0]
    assert (first.stop_reason, call.input) == ("tool_use", {"city": "Lisbon"})
    history = ask()["messages"] + [
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in first.content]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "18 degrees"}]},
    ]
    second = claude.messages.create(model="claude-tools", max_tokens=64, tools=TOOLS, messages=history)
    assert second.content[0].text == HELLO


def test_tool_call_streams(claude):
    with claude.messages.stream(model="claude-tools-stream", tools=TOOLS, **ask()) as stream:
        final = stream.get_final_message()
    assert final.content[0].input == {"city": "Lisbon"}


def test_count_tokens(claude):
    counted = claude.messages.count_tokens(model="claude-count", messages=ask()["messages"])
    assert counted.input_tokens == 9


def test_models(claude):
    assert [model.id for model in claude.models.list()] == ["claude-mock"]


@pytest.mark.parametrize("origin", ["user", "tool_result"])
def test_block_is_a_bad_request_and_is_sent_once(claude, harness, origin):
    model = f"claude-blocked-{origin}"
    messages = ask(ATTACK)["messages"]
    if origin == "tool_result":
        messages = ask()["messages"] + [
            {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "fetch", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": ATTACK}]},
        ]
    with pytest.raises(anthropic.BadRequestError) as refusal:
        claude.messages.create(model=model, max_tokens=64, messages=messages)
    assert refusal.value.body["error"]["type"] == "invalid_request_error"
    assert refusal.value.request_id.startswith("req_")
    assert harness.seen(model) == []
    assert harness.record(model)["outcome"]["cause"] == "blocked"


def test_wrong_key_is_an_authentication_error(claude, harness):
    with pytest.raises(anthropic.AuthenticationError):
        claude.with_options(api_key="wrong").messages.create(model="claude-stranger", **ask())
    assert harness.seen("claude-stranger") == []


def test_unknown_endpoint_is_not_found(claude):
    with pytest.raises(anthropic.NotFoundError):
        claude.messages.batches.list()


def test_one_failure_of_the_provider_is_retried_by_the_gateway(claude, harness):
    assert claude.messages.create(model="fail-once-claude", **ask()).content[0].text == HELLO
    assert len(harness.seen("fail-once-claude")) == 2
    harness.record("fail-once-claude")
