"""Calls of one agent through its channel, with the client for agent keys."""

import asyncio

import everruns_sdk
from everruns_sdk import AgentClient

from expect import read, refused


def agent_of(given, key="agent_key", **more):
    return AgentClient(agent_url=given["agent_url"], credential=given[key], **more)


async def follow(agent, session, until, **after):
    return await read(agent.stream_events(session, **after), until)


async def pending(agent, session, name):
    """What the session waits for."""
    while not (found := (await agent.get_session(session)).get(name)):
        await asyncio.sleep(0.1)
    return found


async def agent_runs(client, given):
    async with agent_of(given) as agent:
        card = await agent.card()
        assert card["name"] and card["streaming"] and card["input"]["text"], card
        assert "agent_key" in [one["type"] for one in card["auth"]] and card["links"]["sessions"], card
        assert await agent.run(given["sum"]) == "It is 5."
        session = await agent.create_session("Sums")
        for _ in range(2):
            assert await agent.run(given["sum"], session["id"]) == "It is 5."
        assert (await agent.get_session(session["id"]))["title"] == "Sums"


async def agent_failures(client, given):
    async with agent_of(given) as agent:
        try:
            await agent.run(given["failure"])
        except everruns_sdk.EverrunsError as error:
            assert "internal_error" in str(error), error
        else:
            raise AssertionError("the client did not see the failure")
        await refused(agent.get_session("session_" + "0" * 32), 404)
        stranger = AgentClient(given["agent_url"], "evr_ak_" + "0" * 64)
        await refused(stranger.card(), 401)
        await stranger.close()


async def agent_repeats(client, given):
    async with agent_of(given) as agent:
        made = [await agent.create_session("One", idempotency_key="one") for _ in range(2)]
        assert made[0] == made[1], made
        session = made[0]["id"]
        sent = [await agent.send_message(session, "Hi", idempotency_key="hi") for _ in range(2)]
        assert sent[0]["id"] == sent[1]["id"], sent
        await refused(agent.send_message(session, "Other", idempotency_key="hi"), 422)
        await refused(agent.create_session("Two", idempotency_key="one"), 422)


async def agent_users(client, given):
    async with agent_of(given) as agent:
        ada, bob = agent.for_end_user("ada"), agent.for_end_user("bob")
        session = (await ada.create_session("Ada's"))["id"]
        await bob.create_session()
        assert session in [one["id"] for one in (await ada.list_sessions())["data"]]
        for other in (agent, bob):
            assert session not in [one["id"] for one in (await other.list_sessions())["data"]]
            await refused(other.get_session(session), 404)
    async with agent_of(given, end_user="ada") as ada:
        assert (await ada.get_session(session))["title"] == "Ada's"
    async with agent_of(given, "plain_key") as plain:
        assert (await plain.list_sessions())["data"] == []
        await refused(plain.for_end_user("ada").list_sessions(), 403)


async def agent_tokens(client, given):
    async with agent_of(given) as agent:
        ada = agent.for_end_user("ada")
        session = (await ada.create_session())["id"]
        token = await ada.runtime_token()
        assert token["token_type"] == "Bearer" and token["expires_in"] == 900, token
    async with AgentClient(given["agent_url"], token["access_token"]) as page:
        assert await page.run("Hello", session)
        assert (await page.list_sessions(limit=1))["data"][0]["id"] == session
        await refused(page.for_end_user("bob").list_sessions(), 403)
        await refused(page.for_end_user("ada").runtime_token(), 401)


async def agent_pages(client, given):
    async with agent_of(given) as agent:
        eve = agent.for_end_user("eve")
        made = [(await eve.create_session(f"No. {n}"))["id"] for n in range(3)]
        first = await eve.list_sessions(limit=2)
        rest = await eve.list_sessions(limit=2, page_token=first["next_page_token"])
        assert len(first["data"]) == 2 and not rest.get("next_page_token"), (first, rest)
        assert {one["id"] for one in first["data"] + rest["data"]} == set(made), (first, rest)
        assert await eve.run("Hello", made[0])
        events = await eve.list_events(made[0])
        page = await eve.list_events(made[0], after_sequence=events[1].sequence, limit=2)
        assert [one.id for one in page] == [one.id for one in events[2:4]], page


async def agent_streams(client, given):
    async with agent_of(given) as agent:
        session = (await agent.create_session())["id"]
        await agent.send_message(session, given["slow"])
        seen = await follow(agent, session, "turn.completed", after_sequence=0)
        listed = await agent.list_events(session)
        assert [one.id for one in seen if one.sequence] == [one.id for one in listed]
        deltas = [one for one in seen if one.type == "output.message.delta"]
        text = next(one for one in listed if one.type == "output.message.completed")
        said = text.data["message"]["content"][0]["text"]
        assert "".join(one.data["delta"] for one in deltas) == said, (deltas, said)
        assert len({one.id for one in seen}) == len(seen)
        rest = await follow(agent, session, "turn.completed", since_id=deltas[5].id)
        again = [one.data["delta"] for one in deltas[:6] + rest if one.type == deltas[5].type]
        assert "".join(again) == said, again


async def agent_cancels(client, given):
    async with agent_of(given) as agent:
        session = (await agent.create_session())["id"]
        await agent.send_message(session, given["endless"])
        await follow(agent, session, "output.message.delta", after_sequence=0)
        assert (await agent.cancel(session))["status"] == "cancelled"
        await follow(agent, session, "turn.cancelled", after_sequence=0)
        assert (await agent.get_session(session))["last_turn_status"] == "cancelled"


async def agent_busy(client, given):
    async with agent_of(given) as agent:
        session = (await agent.create_session())["id"]
        await agent.send_message(session, given["slow"])
        await follow(agent, session, "output.message.delta", after_sequence=0)
        await agent.send_message(session, "Hello")
        seen = await follow(agent, session, "turn.completed", after_sequence=0)
        seen += await follow(agent, session, "turn.completed", after_sequence=seen[-1].sequence)
        types = [one.type for one in seen]
        assert types.count("input.message") == types.count("output.message.completed") == 2, types


async def agent_questions(client, given):
    async with agent_of(given) as agent:
        session = (await agent.create_session())["id"]
        await agent.send_message(session, given["question"])
        asked = (await follow(agent, session, "tool.call_requested", after_sequence=0))[-1]
        [waiting] = asked.data["pending_questions"]
        [question] = waiting["questions"]

        def answer(color):
            answers = [{"id": question["id"], "selected": [color]}]
            return agent.answer_questions(session, {"tool_call_id": waiting["tool_call_id"], "answers": answers})

        await refused(answer("Green"), 400)
        answered = await answer("Blue")
        assert (answered["status"], answered["answered_by"]) == ("answered", "user"), answered
        await refused(answer("Blue"), 409)
        ended = (await follow(agent, session, "turn.completed", since_id=asked.id))[-1]
        assert not (await agent.get_session(session)).get("pending_questions")
        await agent.send_message(session, given["question"])
        asked = (await follow(agent, session, "tool.call_requested", since_id=ended.id))[-1]
        assert await pending(agent, session, "pending_questions") == asked.data["pending_questions"]
        declined = await agent.answer_questions(session, {"status": "declined"})
        assert declined["status"] == "declined", declined
        await follow(agent, session, "turn.completed", since_id=asked.id)


async def agent_approvals(client, given):
    async with agent_of(given) as agent:
        session = (await agent.create_session())["id"]
        successes, last = [], 0
        for decision in ("reject", "allow", "allow_always"):
            await agent.send_message(session, given["write"])
            [held] = await pending(agent, session, "pending_approvals")
            assert held["answerable"] and held["tool_name"] == "write_file", held
            assert held["arguments"] == {"path": "/a", "content": "x"}, held

            def decide(word):
                decisions = [{"tool_call_id": held["tool_call_id"], "decision": word}]
                return agent.submit_tool_approvals(session, {"decisions": decisions})

            await refused(decide("maybe"), 400)
            [resolved] = (await decide(decision))["resolved"]
            assert resolved["outcome"] == decision and resolved["tool"] == "write_file", resolved
            await refused(decide(decision), 409)
            seen = await follow(agent, session, "turn.completed", after_sequence=last)
            last = seen[-1].sequence
            successes += [one.data["success"] for one in seen if one.type == "tool.completed"]
        assert await agent.run(given["write"], session) == "It is written."
        assert successes == [False, True, True], successes
        assert (await client._get(f"/sessions/{session}/fs/a"))["content"] == "x"


steps = [
    agent_runs,
    agent_failures,
    agent_repeats,
    agent_users,
    agent_tokens,
    agent_pages,
    agent_streams,
    agent_cancels,
    agent_busy,
    agent_questions,
    agent_approvals,
]
