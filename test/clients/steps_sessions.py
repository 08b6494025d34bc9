"""Calls of the newest clients about sessions and events: settings, pins, event queries and change reasons."""

import asyncio

from expect import refused


async def turn(client, given, message, agent="math_agent"):
    """Runs one turn in a new session; returns the session and its events."""
    session = await client.sessions.create(agent_id=given[agent])
    await client.messages.create(session.id, given[message])
    for _ in range(200):
        events = await client.events.list(session.id)
        if events[-1].type == "session.idled":
            return session, events
        await asyncio.sleep(0.1)
    raise AssertionError("the turn did not end")


def ids(events):
    return [one.id for one in events]


async def session_settings(client, given):
    made = await client.sessions.create(harness_name="generic", locale="uk-UA", title="General")
    assert made.agent_id and made.harness_id and made.locale == "uk-UA", made
    assert made.is_pinned is False and made.features == ["file_system"], made
    assert (await client.sessions.create(made.harness_id)).agent_id == made.agent_id
    await refused(client.sessions.create(harness_name="deep-research"), 404)
    agent = await client.agents.create("door-keeper", "You open doors.")
    named = await client.sessions.create(agent_name="door-keeper")
    assert named.agent_id == agent.id, named
    assert named.id in ids(await client.sessions.list(agent.id))
    assert made.id in ids(await client.sessions.list(search="genera"))
    await client.agents.delete(agent.id)


async def pins(client, given):
    made = await client.sessions.create()
    for _ in range(2):
        await client.sessions.pin(made.id)
    assert (await client.sessions.get(made.id)).is_pinned is True
    assert [one.is_pinned for one in await client.sessions.list() if one.id == made.id] == [True]
    for _ in range(2):
        await client.sessions.unpin(made.id)
    assert (await client.sessions.get(made.id)).is_pinned is False


async def event_queries(client, given):
    session, events = await turn(client, given, "sum")
    query = lambda **given: client.events.list(session.id, **given)
    end = events[-1].sequence + 1
    assert ids(await query(limit=2)) == ids(events[:2])
    assert ids(await query(before_sequence=end, limit=2)) == ids(events[-2:])
    assert ids(await query(order_desc=True, limit=2)) == ids(reversed(events[-2:]))
    assert ids(await query(around=events[4].id, window=2)) == ids(events[2:7])
    assert ids(await query(after_sequence=events[4].sequence)) == ids(events[5:])
    ended = next(one for one in events if one.type == "turn.completed")
    context = ended.context
    of_turn = [one for one in events if one.context.turn_id == context.turn_id]
    assert ids(await query(turn_id=context.turn_id)) == ids(of_turn)
    step = next(one.context.exec_id for one in events if one.context.exec_id)
    assert ids(await query(exec_id=step)) == ids([e for e in events if e.context.exec_id == step])
    traced = [one for one in events if one.context.trace_id == context.trace_id]
    assert ids(await query(trace_id=context.trace_id)) == ids(traced)
    assert ids(await query(from_ts=events[0].ts, to_ts=events[-1].ts)) == ids(events)
    assert await query(tags=["none"]) == []
    of_tool = await query(tool_name="add")
    assert of_tool and all(one.type.startswith("tool.") for one in of_tool), of_tool
    assert "output.message.completed" in [one.type for one in await query(q="it is 5.")]
    assert ids(await query(types=["turn.completed"], order_desc=True)) == [ended.id]


async def ends_of_turns(client, given):
    session, events = await turn(client, given, "sum")
    data = next(one.data for one in events if one.type == "turn.completed")
    replies = [one.data for one in events if one.type == "output.message.completed"]
    assert data["status"] == "completed" and data["final_answer_preview"] == "It is 5.", data
    assert data["final_message_id"] == replies[-1]["message"]["id"], data
    assert (data["llm_call_count"], data["tool_call_count"]) == (2, 1), data
    lines = (await client.sessions.export(session.id)).strip().split("\n")
    assert len(lines) > len(events) / 2, lines


async def change_reasons(client, given):
    agent = await client.agents.create("porter-by-reason", "You open doors.")
    reason = "Більше не потрібен: OPS-7"
    await client.with_reason(reason).agents.delete(agent.id)
    entries = (await client._get(f"/audit-log?target={agent.id}"))["data"]
    assert [one["reason"] for one in entries] == [reason, None], entries
    await refused(client.with_reason("key sk-" + "a1" * 12).agents.create("x", "y"), 400)


steps = [session_settings, pins, event_queries, ends_of_turns, change_reasons]
