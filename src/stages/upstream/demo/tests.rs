//! Shapes of the built-in upstream's answers, and that it never repeats its input.

use super::*;

fn body(endpoint: Endpoint, request: &Value) -> Value {
    let made = answer(endpoint, "/v1/x", request.to_string().as_bytes());
    assert_eq!(made.status, StatusCode::OK, "{endpoint:?}");
    serde_json::from_slice(&made.pieces.iter().flatten().copied().collect::<Vec<_>>()).unwrap()
}

/// The `data` of each event but `[DONE]`; checks that each piece is one whole event.
fn events(endpoint: Endpoint, request: &Value) -> Vec<Value> {
    let made = answer(endpoint, "/v1/x", request.to_string().as_bytes());
    assert_eq!(made.headers.get(CONTENT_TYPE).unwrap(), "text/event-stream");
    assert!(made.pieces.len() > 3);
    made.pieces
        .iter()
        .map(|piece| std::str::from_utf8(piece).unwrap())
        .inspect(|piece| assert!(piece.ends_with("\n\n") && piece.matches("\n\n").count() == 1))
        .map(|piece| piece.lines().find_map(|line| line.strip_prefix("data: ")).unwrap())
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

fn chat_request(text: &str) -> Value {
    json!({ "messages": [{ "role": "system", "content": "be kind" }, { "role": "user", "content": text }] })
}

fn with_tool(mut request: Value, tool: Value) -> Value {
    request["tools"] = json!([tool]);
    request
}

#[test]
fn input_is_counted_and_never_repeated() {
    for endpoint in Endpoint::ALL {
        let request = json!({
            "messages": [{ "role": "user", "content": [{ "type": "text", "text": "xyzzy plugh" }] }],
            "input": "xyzzy", "prompt": "xyzzy", "system": "xyzzy", "model": "xyzzy", "stream": true,
        });
        for stream in [true, false] {
            let mut request = request.clone();
            request["stream"] = json!(stream);
            let made = answer(endpoint, "/v1/models/xyzzy", request.to_string().as_bytes());
            let text = made.pieces.iter().flatten().copied().collect::<Vec<_>>();
            assert!(!String::from_utf8(text).unwrap().contains("xyzzy"), "{endpoint:?}");
            assert_eq!(made.headers.get(DEMO_HEADER).unwrap(), "true");
        }
    }
    assert_eq!(prompt::input_words(&chat_request("one two three")), 5);
    assert_eq!(prompt::input_words(&json!({ "message": "one two", "deep": [{ "x": "three" }] })), 3);
}

#[test]
fn streamed_text_joins_to_the_plain_text() {
    let plain = body(Endpoint::ChatCompletions, &chat_request("hello"));
    let mut request = chat_request("hello");
    request["stream"] = json!(true);
    let joined = |endpoint, pointer: &str| -> String {
        events(endpoint, &request).iter().filter_map(|event| event.pointer(pointer)?.as_str()).collect()
    };
    let text = plain["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!(joined(Endpoint::ChatCompletions, "/choices/0/delta/content"), text);
    assert_eq!(joined(Endpoint::Completions, "/choices/0/text"), text);
    assert_eq!(joined(Endpoint::Messages, "/delta/text"), text);
    assert_eq!(joined(Endpoint::Responses, "/delta"), text);
}

#[test]
fn chat_stream_has_a_usage_chunk_only_when_asked() {
    let mut request = chat_request("hello");
    request["stream"] = json!(true);
    assert!(events(Endpoint::ChatCompletions, &request).iter().all(|event| event.get("usage").is_none()));
    request["stream_options"] = json!({ "include_usage": true });
    let all = events(Endpoint::ChatCompletions, &request);
    let (last, before) = all.split_last().unwrap();
    assert_eq!((last["choices"].clone(), last["usage"]["prompt_tokens"].clone()), (json!([]), json!(3)));
    assert!(before.iter().all(|event| event["usage"].is_null()));
    assert_eq!(before.last().unwrap()["choices"][0]["finish_reason"], "stop");
}

#[test]
fn named_streams_begin_and_end_as_their_sdks_expect() {
    let mut request = chat_request("hello");
    request["stream"] = json!(true);
    let all = events(Endpoint::Messages, &request);
    let names = kinds(&all);
    assert_eq!(names[..3], ["message_start", "content_block_start", "ping"]);
    assert_eq!(names[names.len() - 3..], ["content_block_stop", "message_delta", "message_stop"]);
    let all = events(Endpoint::Responses, &request);
    let names = kinds(&all);
    assert_eq!(names[..3], ["response.created", "response.in_progress", "response.output_item.added"]);
    assert_eq!(*names.last().unwrap(), "response.completed");
    assert!(all.iter().enumerate().all(|(index, event)| event["sequence_number"] == index));
}

#[test]
fn first_tool_is_called_when_the_last_message_is_the_users_and_asks() {
    let schema = json!({
        "type": "object", "required": ["city", "days", "unit"],
        "properties": {
            "city": { "type": "string" }, "days": { "type": "integer" }, "unit": { "enum": ["c", "f"] },
            "extra": { "type": "string" },
        },
    });
    let expected = json!({ "city": "demo", "days": 1, "unit": "c" });
    let ask = chat_request("Please CALL the tool now");
    let openai = json!({ "type": "function", "function": { "name": "weather", "parameters": schema } });
    let chat = with_tool(ask.clone(), openai.clone());
    let answer = body(Endpoint::ChatCompletions, &chat);
    let call = &answer["choices"][0]["message"]["tool_calls"][0]["function"];
    assert_eq!(call["name"], "weather");
    assert_eq!(serde_json::from_str::<Value>(call["arguments"].as_str().unwrap()).unwrap(), expected);
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");

    let anthropic = with_tool(ask, json!({ "name": "weather", "input_schema": schema }));
    let answer = body(Endpoint::Messages, &anthropic);
    assert_eq!((&answer["content"][0]["input"], &answer["stop_reason"]), (&expected, &json!("tool_use")));

    let responses = json!({
        "input": "call the tool", "tools": [{ "type": "function", "name": "weather", "parameters": schema }],
    });
    let answer = body(Endpoint::Responses, &responses);
    assert_eq!(answer["output"][0]["name"], "weather");

    let mut answered = chat;
    answered["messages"].as_array_mut().unwrap().push(json!({ "role": "tool", "content": "call the tool" }));
    assert_eq!(body(Endpoint::ChatCompletions, &answered)["choices"][0]["finish_reason"], "stop");
    let without_tools = chat_request("call the tool");
    assert_eq!(body(Endpoint::ChatCompletions, &without_tools)["choices"][0]["finish_reason"], "stop");
}

#[test]
fn streamed_tool_arguments_join_to_json() {
    let tool = json!({ "name": "t", "parameters": { "required": ["a"] }, "input_schema": { "required": ["a"] } });
    let mut request = with_tool(chat_request("call the tool"), tool);
    request["stream"] = json!(true);
    for (endpoint, pointer) in [
        (Endpoint::ChatCompletions, "/choices/0/delta/tool_calls/0/function/arguments"),
        (Endpoint::Messages, "/delta/partial_json"),
        (Endpoint::Responses, "/delta"),
    ] {
        let all = events(endpoint, &request);
        let joined: String = all.iter().filter_map(|event| event.pointer(pointer)?.as_str()).collect();
        assert_eq!(serde_json::from_str::<Value>(&joined).unwrap(), json!({ "a": "demo" }), "{endpoint:?}");
    }
}

#[test]
fn embeddings_depend_on_the_input_alone_and_come_in_both_encodings() {
    let ask = |input: Value, format: &str| {
        body(Endpoint::Embeddings, &json!({ "input": input, "encoding_format": format }))["data"].clone()
    };
    let floats = ask(json!(["a", "b", "a"]), "float");
    assert_eq!(floats.as_array().unwrap().len(), 3);
    assert_eq!(floats[0]["embedding"], floats[2]["embedding"]);
    assert_ne!(floats[0]["embedding"], floats[1]["embedding"]);
    let vector: Vec<f64> = serde_json::from_value(floats[0]["embedding"].clone()).unwrap();
    assert!((vector.iter().map(|number| number * number).sum::<f64>() - 1.0).abs() < 1e-3);
    let encoded = ask(json!("a"), "base64");
    let bytes =
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, encoded[0]["embedding"].as_str().unwrap())
            .unwrap();
    assert_eq!(bytes.len(), 4 * vector.len());
    assert!((f64::from(f32::from_le_bytes(bytes[..4].try_into().unwrap())) - vector[0]).abs() < 1e-6);
    assert_eq!(ask(json!([1, 2, 3]), "float").as_array().unwrap().len(), 1);
    for wrong in [
        json!({}),
        json!({ "input": [] }),
        json!({ "input": "a", "dimensions": 0 }),
        json!({ "input": "a", "dimensions": u64::MAX }),
        json!({ "input": vec!["a"; 9000] }),
    ] {
        assert_eq!(answer(Endpoint::Embeddings, "", wrong.to_string().as_bytes()).status, 400);
    }
}

#[test]
fn listings_know_one_model() {
    let text = |endpoint, path| {
        let made = answer(endpoint, path, b"");
        (made.status.as_u16(), serde_json::from_slice::<Value>(&made.pieces[0]).unwrap())
    };
    for endpoint in [Endpoint::OpenAiModels, Endpoint::AnthropicModels] {
        assert_eq!(text(endpoint, "/v1/models").1["data"][0]["id"], MODEL);
        assert_eq!(text(endpoint, "/v1/models/portcullis-demo").1["id"], MODEL);
        assert_eq!(text(endpoint, "/v1/models/gpt-4o").0, 404);
    }
}

#[test]
fn every_endpoint_answers_whatever_json_it_gets() {
    for endpoint in Endpoint::ALL {
        for request in ["{}", "[]", "null", "1", r#""x""#, r#"{"messages":1,"tools":{},"input":{}}"#, "not json", ""] {
            let made = answer(endpoint, "/", request.as_bytes());
            assert!(!made.pieces.is_empty(), "{endpoint:?} {request}");
        }
    }
}
