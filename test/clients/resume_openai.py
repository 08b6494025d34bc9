"""Streams a response whose node dies, and reads the rest from another one.

Arguments: the base URLs of both. Prints each piece of text, and the whole response as JSON.
"""

import json
import sys

import openai

first, second = (
    openai.OpenAI(base_url=url, api_key="none", max_retries=0) for url in sys.argv[1:]
)
had = {"number": -1, "texts": {}}


def take(stream):
    for event in stream:
        assert event.sequence_number > had["number"], "each event once"
        had["number"] = event.sequence_number
        if event.type == "response.created":
            had["id"] = event.response.id
        elif event.type == "response.output_text.delta":
            text = had["texts"].get(event.item_id, "") + event.delta
            had["texts"][event.item_id] = text
            print(text, flush=True)
        elif event.type == "response.output_text.done":
            had["texts"][event.item_id] = event.text


try:
    take(first.responses.create(model="agent:Ada", input="Tell me.", stream=True))
except AssertionError:
    raise
except Exception:
    pass  # The node died.
take(
    second.responses.retrieve(had["id"], stream=True, starting_after=had["number"])
)
whole = second.responses.retrieve(had["id"])
print(json.dumps({"texts": "".join(had["texts"].values()), "output": whole.output_text}))
