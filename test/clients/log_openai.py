"""Has a conversation of each kind with OpenAI's library. Argument: the base URL.

Prints the session of each conversation, and the items that its client has, as JSON.
"""

import json
import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1], api_key="none", max_retries=0)
TOOL = {
    "type": "function",
    "strict": False,
    "name": "get_weather",
    "description": "Tells the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def user(*steps):
    return {"role": "user", "content": "llmsim-script: " + json.dumps(steps)}


def call(name, **arguments):
    return {"tool_calls": [{"name": name, "arguments": arguments}]}


class Conversation:
    """Keeps the items of a client."""

    def __init__(self):
        self.items = []
        self.last = None

    def send(self, item, after=None):
        previous = after or self.last
        self.last = client.responses.create(
            model="agent:ada",
            input=[item],
            tools=[TOOL],
            **({"previous_response_id": previous.id} if previous else {}),
        )
        self.keep(item)
        return self.last

    def keep(self, item):
        output = [one.model_dump() for one in self.last.output]
        is_stopped = self.last.status == "cancelled"
        kept = [one for one in output if is_stopped or one.get("status") != "incomplete"]
        self.items += [item] + kept


def tools(talk):
    talk.send(user({"text": "I add.", **call("add", a=1, b=2)}, {"text": "Three."}))
    asked = talk.send(user(call("get_weather", city="Rome"), {"text": "Rain."}))
    call_id = asked.output[0].call_id
    talk.send({"type": "function_call_output", "call_id": call_id, "output": "rain"})


def approval(talk):
    asked = talk.send(
        user(call("write_file", path="/a.txt", content="x"), {"text": "Written."})
    )
    answer = {"approval_request_id": asked.output[0].id, "approve": True}
    talk.send({"type": "mcp_approval_response", **answer})


def question(talk):
    options = [{"label": "Red"}, {"label": "Blue"}]
    asked = {"question": "Which color?", "header": "Color", "options": options}
    response = talk.send(user(call("ask_user", questions=[asked]), {"text": "Thanks."}))
    wait = response.outlast["waiting_for"][0]
    answers = {"answers": [{"id": wait["questions"][0]["id"], "selected": ["Red"]}]}
    output = json.dumps(answers)
    talk.send({"type": "function_call_output", "call_id": wait["call_id"], "output": output})


def edit(talk):
    first = talk.send(user({"text": "One."}))
    kept = list(talk.items)
    talk.send(user({"text": "Two."}))
    talk.items = kept
    talk.send(user({"text": "Edited."}), after=first)


def attempt(talk):
    error = {"message": "gone", "after_characters": 12, "fail_attempts": 1}
    talk.send(user({"text": "The whole answer.", "chunk": 4, "error": error}))


def failure(talk):
    response = talk.send(user({"error": {"message": "x", "status": 401}}))
    assert response.status == "failed", response
    talk.send(user({"text": "Next."}))



def stop(talk):
    item = user({"text": "It takes a while. " * 300, "tokens_per_second": 20})
    begun = client.responses.create(model="agent:ada", input=[item], background=True)
    for event in client.responses.retrieve(begun.id, stream=True):
        if event.type == "response.output_text.delta":
            break
    client.responses.cancel(begun.id)
    for event in client.responses.retrieve(begun.id, stream=True):
        pass
    talk.last = client.responses.retrieve(begun.id)
    assert talk.last.status == "cancelled" and talk.last.output_text, talk.last
    talk.keep(item)


talks = {}
for step in [tools, approval, question, edit, attempt, failure, stop]:
    talk = Conversation()
    step(talk)
    talks[step.__name__] = {
        "session": talk.last.outlast["session_id"],
        "items": talk.items,
    }
print(json.dumps(talks))
