// The official openai client for Node against the gateway. Started by `harness.py`, which says where everything is.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import OpenAI from "openai";

const { GATEWAY_URL, GATEWAY_RECORDS, DEMO_URL, PROVIDER_URL, CLIENT_KEY, ATTACK } = process.env;
const HELLO = "Hello from the mock.";
const client = new OpenAI({ baseURL: `${GATEWAY_URL}/v1`, apiKey: CLIENT_KEY, timeout: 15_000 });
const user = (content = "What is the weather in Lisbon?") => [{ role: "user", content }];

const get = async (path) => (await fetch(`${PROVIDER_URL}${path}`)).json();
const seen = async (model) => (await get("/__seen")).filter((one) => one.model === model);
const records = async (model) => {
  const text = await readFile(GATEWAY_RECORDS, "utf8");
  const wholeLines = text.slice(0, text.lastIndexOf("\n") + 1).split("\n").filter(Boolean);
  return wholeLines.map((line) => JSON.parse(line)).filter((one) => one.model === model);
};

async function eventually(what, probe, ms = 10_000) {
  const deadline = Date.now() + ms;
  while (Date.now() < deadline) {
    if (await probe()) return;
    await new Promise((wake) => setTimeout(wake, 20));
  }
  assert.fail(`did not happen within ${ms} ms: ${what}`);
}

test("plain answer arrives with its request id", async () => {
  const answer = await client.chat.completions.create({ model: "node-plain", messages: user() });
  assert.equal(answer.choices[0].message.content, HELLO);
  assert.match(answer._request_id, /^req_/);
});

test("stream arrives without usage that nobody asked for", async () => {
  const stream = await client.chat.completions.create({ model: "node-stream", messages: user(), stream: true });
  let text = "";
  for await (const chunk of stream) {
    assert.ok(!chunk.usage);
    text += chunk.choices[0].delta.content ?? "";
  }
  assert.equal(text, HELLO);
});

test("stream arrives with usage where it was asked for", async () => {
  const stream = await client.chat.completions.create({
    model: "node-usage", messages: user(), stream: true, stream_options: { include_usage: true },
  });
  let last;
  for await (const chunk of stream) last = chunk;
  assert.equal(last.usage.total_tokens, 13);
});

test("tool call streams", async () => {
  const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object", properties: {} } } }];
  const stream = client.chat.completions.stream({ model: "node-tools", messages: user(), tools });
  const message = await stream.finalMessage();
  assert.deepEqual(JSON.parse(message.tool_calls[0].function.arguments), { city: "Lisbon" });
});

test("Responses API, embeddings, models and moderations", async () => {
  assert.equal((await client.responses.create({ model: "node-responses", input: "hi" })).output_text, HELLO);
  const vectors = await client.embeddings.create({ model: "node-embeddings", input: "hi" });
  assert.deepEqual(vectors.data[0].embedding, [0.25, -0.5, 1]);
  assert.deepEqual((await client.models.list()).data.map((model) => model.id), ["gpt-mock"]);
  assert.equal((await client.moderations.create({ model: "node-moderations", input: "hi" })).results[0].flagged, false);
});

test("Responses API streams", async () => {
  const stream = await client.responses.create({ model: "node-responses-stream", input: "hi", stream: true });
  let text = "";
  let last;
  for await (const event of stream) {
    if (event.type === "response.output_text.delta") text += event.delta;
    last = event.type;
  }
  assert.deepEqual([text, last], [HELLO, "response.completed"]);
});

test("block is a bad request with its code and is sent once", async () => {
  for (const stream of [false, true]) {
    const model = `node-blocked-${stream}`;
    await assert.rejects(client.chat.completions.create({ model, messages: user(ATTACK), stream }), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.equal(error.code, "content_policy_violation");
      return true;
    });
    assert.deepEqual(await seen(model), []);
    await eventually("the block was recorded", async () => (await records(model)).length > 0);
    assert.equal((await records(model)).length, 1);
  }
});

test("wrong key and unknown endpoint have errors of their own kind", async () => {
  const stranger = client.withOptions({ apiKey: "wrong" });
  await assert.rejects(stranger.chat.completions.create({ model: "node-stranger", messages: user() }), OpenAI.AuthenticationError);
  assert.deepEqual(await seen("node-stranger"), []);
  await assert.rejects(client.files.list(), OpenAI.NotFoundError);
});

test("one failure or a busy moment of the provider is the gateway's business", async () => {
  for (const model of ["fail-once-node", "busy-once-node"]) {
    const answer = await client.chat.completions.create({ model, messages: user() });
    assert.equal(answer.choices[0].message.content, HELLO);
    assert.equal((await seen(model)).length, 2);
    await eventually("it was recorded", async () => (await records(model)).length > 0);
    assert.equal((await records(model)).length, 1);
  }
});

test("client that leaves drops the provider", async () => {
  const before = await get("/__departures");
  const stream = await client.chat.completions.create({ model: "endless-node", messages: user(), stream: true });
  for await (const chunk of stream) {
    if (chunk.choices[0].delta.content) break;
  }
  await eventually("the provider was dropped", async () => (await get("/__departures")) > before, 2_000);
});

test("demo answers without a key and is guarded too", async () => {
  const demo = new OpenAI({ baseURL: `${DEMO_URL}/v1`, apiKey: "none-needed" });
  const answer = await demo.chat.completions.create({ model: "gpt-4o-mini", messages: user() });
  assert.ok(answer.choices[0].message.content);
  await assert.rejects(demo.chat.completions.create({ model: "gpt-4o-mini", messages: user(ATTACK) }), OpenAI.BadRequestError);
});
