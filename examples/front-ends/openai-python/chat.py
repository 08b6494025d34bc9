"""A chat in a terminal with OpenAI's client. Run it again: it continues the conversation."""

import os

import openai

url = os.environ.get("OUTLAST_URL", "http://localhost:9000")
client = openai.OpenAI(
    base_url=f"{url}/openai/v1", api_key=os.environ.get("OUTLAST_API_KEY", "none")
)

while text := input("> "):
    stream = client.responses.create(
        model=os.environ["OUTLAST_AGENT_ID"],
        conversation="my-chat",
        input=text,
        stream=True,
    )
    for event in stream:
        if event.type == "response.output_text.delta":
            print(event.delta, end="", flush=True)
    print()
