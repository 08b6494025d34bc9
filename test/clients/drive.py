"""Drives a server through the published Python client that is installed, and prints one line of JSON a step.

What to drive comes as JSON in CLIENT_TEST: url, key, agents and the messages that make the simulated model do things.
"""

import asyncio
import functools
import importlib
import inspect
import json
import os
import pathlib
import sys

import everruns_sdk
from everruns_sdk import Everruns
from everruns_sdk.models import Controls

from expect import read

given = json.loads(os.environ["CLIENT_TEST"])
deltas = ["output.message.delta", "reason.thinking.delta"]
notes = []


def takes(method, *names):
    known = inspect.signature(method).parameters
    return all(name in known for name in names)


async def agents(client):
    made = await client.agents.create(
        "porter", "You open doors.", description="Opens doors.", tags=["one", "two"]
    )
    assert made.status == "active" and made.tags == ["one", "two"], made
    assert made.id in [one.id for one in await client.agents.list()]
    assert (await client.agents.get(made.id)).description == "Opens doors."
    await client.agents.delete(made.id)
    assert (await client.agents.get(made.id)).status == "archived"
    assert made.id not in [one.id for one in await client.agents.list()]


async def agent_upserts(client):
    if not hasattr(client.agents, "apply"):
        return "not in this version"
    agent_id = everruns_sdk.generate_agent_id()
    first = await client.agents.apply(agent_id, "porter", "You open doors.")
    second = await client.agents.apply(agent_id, "porter", "You close doors.")
    assert first.id == second.id == agent_id
    assert (await client.agents.get(agent_id)).system_prompt == "You close doors."
    # Its name is a slug: the next client applies another agent under it.
    await client.agents.delete(agent_id)


async def agent_files(client):
    if not hasattr(client.agents, "import_agent"):
        return "not in this version"
    text = "---\nname: porter\ndescription: Opens doors.\n---\nYou open doors.\n"
    made = await client.agents.import_agent(text)
    assert made.name == "porter" and made.system_prompt.strip() == "You open doors.", made
    again = await client.agents.import_agent(await client.agents.export(made.id))
    assert again.system_prompt == made.system_prompt


async def capabilities(client):
    if not hasattr(client, "capabilities"):
        return "not in this version"
    listed = await client.capabilities.list()
    known = [one.id for one in getattr(listed, "data", listed)]
    assert "test_math" in known, known
    assert (await client.capabilities.get("test_math")).status == "available"


async def sessions(client):
    made = await client.sessions.create(agent_id=given["math_agent"], title="Sums")
    assert made.status == "started" and made.title == "Sums", made
    assert made.id in [one.id for one in await client.sessions.list()]
    ours = await client.sessions.list(given["math_agent"])
    assert {one.agent_id for one in ours} == {given["math_agent"]}
    assert (await client.sessions.get(made.id)).id == made.id
    await client.sessions.delete(made.id)
    assert made.id not in [one.id for one in await client.sessions.list()]


async def follow(client, session_id, since=None, exclude=(), until="session.idled"):
    return await read(client.events.stream(session_id, exclude=list(exclude), since_id=since), until)


def text_of(events):
    return "".join(event.data["delta"] for event in events if event.type == deltas[0])


def stored(events):
    return [event.id for event in events if event.type not in deltas]


async def messages(client):
    session = await client.sessions.create(agent_id=given["math_agent"])
    posted = await client.messages.create(
        session.id, given["sum"], controls=Controls(max_tokens=100, temperature=0.5)
    )
    assert posted.role == "user", posted
    assert getattr(posted, "session_id", session.id) == session.id, posted
    await follow(client, session.id)
    listed = await client.messages.list(session.id)
    assert [one.role for one in listed] == ["user", "agent", "tool_result", "agent"], listed
    assert listed[0].id == posted.id
    assert listed[1].content[-1].type == "tool_call" and listed[1].content[-1].arguments
    assert listed[2].content[0].tool_call_id == listed[1].content[-1].id
    assert (await client.sessions.get(session.id)).usage.output_tokens > 0


async def tool_results(client):
    if not hasattr(client.messages, "create_tool_results"):
        return "not in this version"
    from everruns_sdk.models import ContentPart

    session = await client.sessions.create(agent_id=given["tool_agent"])
    await client.messages.create(session.id, given["door"])
    seen = await follow(client, session.id, until="tool.call_requested")
    call = seen[-1].data["tool_calls"][0]
    result = ContentPart(type="tool_result", tool_call_id=call["id"], result={"open": True})
    answer = await client.messages.create_tool_results(session.id, [result])
    assert getattr(answer, "accepted", 1) == 1, answer
    await follow(client, session.id, since=seen[-1].id)
    listed = await client.messages.list(session.id)
    assert [one.role for one in listed] == ["user", "agent", "tool_result", "agent"], listed
    assert listed[2].content[0].result, listed[2]


async def events(client):
    session = await client.sessions.create(agent_id=given["math_agent"])
    await client.messages.create(session.id, given["sum"])
    seen = await follow(client, session.id, exclude=deltas)
    listed = await client.events.list(session.id)
    assert [one.id for one in listed] == stored(seen) == [one.id for one in seen]
    assert {one.session_id for one in listed} == {session.id}
    assert len({one.context.turn_id for one in listed if one.context.turn_id}) == 1
    if not takes(client.events.list, "exclude", "since_id"):
        return "exclude: of streams only"
    some = await client.events.list(
        session.id, exclude=["turn.started", "llm.generation"], since_id=listed[1].id
    )
    assert [one.id for one in some] == [
        one.id for one in listed[2:] if one.type not in ("turn.started", "llm.generation")
    ]


async def cancel(client):
    session = await client.sessions.create(agent_id=given["math_agent"])
    await client.messages.create(session.id, given["endless"])
    await follow(client, session.id, until="output.message.delta")
    await client.sessions.cancel(session.id)
    seen = await follow(client, session.id, exclude=deltas)
    assert "turn.cancelled" in [one.type for one in seen]
    assert (await client.sessions.get(session.id)).status == "idle"
    await client.sessions.cancel(session.id)


async def refused(client, call, status):
    """What the client makes of an answer that refuses, and what the server answered."""
    statuses = []

    async def note(response):
        statuses.append(response.status_code)

    client._client.event_hooks = {"response": [note]}
    try:
        await call
    except everruns_sdk.ApiError as error:
        assert error.status_code == status and statuses == [status], (error.status_code, statuses)
        return type(error).__name__
    except AttributeError:
        assert statuses == [status], statuses
        notes.append("refused; this version reads no error that is a sentence, whoever sends it")
        return None
    raise AssertionError(f"the client was not told {status}")


async def errors(client):
    unknown = "agent_" + "0" * 31 + "1"
    name = await refused(client, client.agents.get(unknown), 404)
    assert name in (None, "NotFoundError"), name
    stranger = Everruns(api_key="evr_" + "0" * 64, base_url=given["url"])
    name = await refused(stranger, stranger.agents.list(), 401)
    assert name in (None, "AuthenticationError"), name
    await stranger.close()
    return notes[0] if notes else None


async def stream(client):
    session = await client.sessions.create(agent_id=given["math_agent"])
    await client.messages.create(session.id, given["slow"])
    seen = await follow(client, session.id)
    listed = await client.events.list(session.id)
    assert stored(seen) == [one.id for one in listed]
    assert len({one.id for one in seen}) == len(seen)
    reply = next(one for one in listed if one.type == "output.message.completed")
    text = reply.data["message"]["content"][0]["text"]
    assert text_of(seen) == text and len(text) > 100, (text_of(seen), text)
    middle = [one for one in seen if one.type == deltas[0]][5]
    before = seen[: seen.index(middle) + 1]
    rest = await follow(client, session.id, since=middle.id)
    assert text_of(before) + text_of(rest) == text
    assert stored(before) + stored(rest) == stored(seen)


def newest_steps():
    """Steps of calls that only the clients from 0.3 on have: the files steps_*.py beside this one."""
    if not hasattr(everruns_sdk, "AgentClient"):
        return []
    files = sorted(pathlib.Path(__file__).parent.glob("steps_*.py"))
    modules = [importlib.import_module(one.stem) for one in files]
    return [(step.__name__, functools.partial(step, given=given)) for one in modules for step in one.steps]


async def main():
    steps = [
        agents,
        agent_upserts,
        agent_files,
        capabilities,
        sessions,
        messages,
        tool_results,
        events,
        cancel,
        errors,
        stream,
    ]
    for name, step in [(step.__name__, step) for step in steps] + newest_steps():
        name = name.replace("_", " ")
        try:
            client = Everruns(api_key=given["key"], base_url=given["url"])
            note = await asyncio.wait_for(step(client), 30)
            await client.close()
            print(json.dumps({"step": name, "ok": True, "note": note}), flush=True)
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            print(json.dumps({"step": name, "ok": False, "note": why}), flush=True)
            if "TRACE" in os.environ:
                import traceback

                traceback.print_exc(file=sys.stderr)


asyncio.run(main())
