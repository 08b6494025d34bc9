"""Uses a server through OpenAI's library. Arguments: the base URL. Prints the results as JSON."""

import json
import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1], api_key="none", max_retries=0)
MODEL = "agent:ada"
TOOL = {
    "name": "get_weather",
    "description": "Tells the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
SCHEMA = {
    "type": "object",
    "properties": {"total": {"type": "number"}},
    "required": ["total"],
    "additionalProperties": False,
}


def script(*steps):
    return "llmsim-script: " + json.dumps(steps)


def answers():
    first = client.responses.create(model=MODEL, input=script({"text": "One."}))
    with client.responses.stream(
        model=MODEL, input=script({"text": "Two."}), previous_response_id=first.id
    ) as stream:
        events = list(stream)
        second = stream.get_final_response()
    middle = events[len(events) // 2].sequence_number
    rest = client.responses.retrieve(second.id, stream=True, starting_after=middle)
    expected = [event.type for event in events if event.sequence_number > middle]
    return [
        first.output_text,
        second.output_text,
        second.previous_response_id == first.id,
        [event.type for event in rest] == expected,
    ]


def tools():
    call = {"name": "get_weather", "arguments": {"city": "Rome"}}
    asked = client.responses.create(
        model=MODEL,
        input=script({"tool_calls": [call]}, {"text": "Rain."}),
        tools=[{"type": "function", "strict": False, **TOOL}],
    )
    item = asked.output[0]
    output = {"type": "function_call_output", "call_id": item.call_id, "output": "rain"}
    answered = client.responses.create(
        model=MODEL, previous_response_id=asked.id, input=[output]
    )
    return [item.name, json.loads(item.arguments), answered.output_text]


def background():
    begun = client.responses.create(
        model=MODEL,
        input=script({"text": "Slow. " * 100, "tokens_per_second": 5}),
        background=True,
    )
    client.responses.cancel(begun.id)
    with client.responses.retrieve(begun.id, stream=True) as stream:
        last = list(stream)[-1]
    return [begun.status, last.response.status]


def conversations():
    conversation = client.conversations.create(metadata={"topic": "sums"})
    for text in ["One.", "Two."]:
        client.responses.create(
            model=MODEL, conversation=conversation.id, input=script({"text": text})
        )
    items = client.conversations.items.list(conversation.id, order="asc", limit=2)
    return [conversation.metadata, [item.role for item in items]]


def structured():
    asked = client.responses.create(
        model=MODEL,
        input=script({"output": {"total": 7}}),
        text={"format": {"type": "json_schema", "name": "total", "schema": SCHEMA}},
    )
    return json.loads(asked.output_text)


def chat():
    messages = [{"role": "user", "content": script({"text": "One."})}]
    first = client.chat.completions.create(model=MODEL, messages=messages)
    messages += [first.choices[0].message, {"role": "user", "content": script({"text": "Two."})}]
    chunks = list(
        client.chat.completions.create(
            model=MODEL,
            messages=messages,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    return [first.choices[0].message.content, text, chunks[-1].usage.total_tokens > 0]


def errors():
    found = []
    for attempt in [
        lambda: client.responses.retrieve("resp_x"),
        lambda: client.responses.create(model="gpt-5", input="x"),
        lambda: client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "x"}], n=2
        ),
    ]:
        try:
            attempt()
        except openai.APIStatusError as error:
            found.append([type(error).__name__, error.code, error.param])
    return found


def models():
    return "agent:ada" in [model.id for model in client.models.list()]


STEPS = [answers, tools, background, conversations, structured, chat, errors, models]
print(json.dumps({step.__name__: step() for step in STEPS}))
