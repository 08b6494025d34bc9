"""Steps that call one agent through its channel, with the client for agent keys."""

import everruns_sdk

MISSING = "not in this version"


def agent_of(given):
    """The client of versions that have one."""
    client = getattr(everruns_sdk, "AgentClient", None)
    return client and client(agent_url=given["agent_url"], credential=given["agent_key"])


async def agent_runs(given):
    agent = agent_of(given)
    if agent is None:
        return MISSING
    async with agent:
        card = await agent.card()
        assert card["name"] and card["streaming"] and card["input"]["text"], card
        assert await agent.run(given["sum"]) == "It is 5."
        session = await agent.create_session("Sums")
        for _ in range(2):
            assert await agent.run(given["sum"], session["id"]) == "It is 5."
        assert (await agent.get_session(session["id"]))["title"] == "Sums"


async def agent_failures(given):
    agent = agent_of(given)
    if agent is None:
        return MISSING
    async with agent:
        try:
            await agent.run(given["failure"])
        except everruns_sdk.EverrunsError as error:
            assert "internal_error" in str(error), error
        else:
            raise AssertionError("the client did not see the failure")
        try:
            await agent.get_session("session_" + "0" * 32)
        except everruns_sdk.NotFoundError as error:
            assert error.status_code == 404, error
        else:
            raise AssertionError("an unknown session was found")


async def agent_repeats(given):
    agent = agent_of(given)
    if agent is None:
        return MISSING
    async with agent:
        made = [await agent.create_session("One", idempotency_key="one") for _ in range(2)]
        assert made[0] == made[1], made
        session = made[0]["id"]
        sent = [await agent.send_message(session, "Hi", idempotency_key="hi") for _ in range(2)]
        assert sent[0]["id"] == sent[1]["id"], sent
        try:
            await agent.send_message(session, "Other", idempotency_key="hi")
        except everruns_sdk.ApiError as error:
            assert error.status_code == 422, error
        else:
            raise AssertionError("another message was accepted under the key")


async def agent_users(given):
    agent = agent_of(given)
    if agent is None:
        return MISSING
    async with agent:
        ada, bob = agent.for_end_user("ada"), agent.for_end_user("bob")
        session = (await ada.create_session("Ada's"))["id"]
        await bob.create_session()
        assert session in [one["id"] for one in (await ada.list_sessions())["data"]]
        for other in (agent, bob):
            assert session not in [one["id"] for one in (await other.list_sessions())["data"]]
            try:
                await other.get_session(session)
            except everruns_sdk.NotFoundError:
                continue
            raise AssertionError("a session of another user was found")
        token = await ada.runtime_token()
        assert token["token_type"] == "Bearer" and token["expires_in"] == 900, token
        page = everruns_sdk.AgentClient(given["agent_url"], token["access_token"])
        async with page:
            assert await page.run("Hello", session)
            first = await page.list_sessions(limit=1)
            assert first["data"][0]["id"] == session, first


async def agent_streams(given):
    agent = agent_of(given)
    if agent is None:
        return MISSING
    async with agent:
        session = (await agent.create_session())["id"]
        await agent.send_message(session, given["slow"])
        seen = []
        stream = agent.stream_events(session, after_sequence=0)
        async for event in stream:
            seen.append(event)
            if event.type == "turn.completed":
                break
        stream.stop()
        listed = await agent.list_events(session)
        assert [one.id for one in seen if one.sequence] == [one.id for one in listed]
        deltas = [one for one in seen if one.type == "output.message.delta"]
        text = next(one for one in listed if one.type == "output.message.completed")
        said = text.data["message"]["content"][0]["text"]
        assert "".join(one.data["delta"] for one in deltas) == said, (deltas, said)
        assert len({one.id for one in seen}) == len(seen)


async def agent_cancels(given):
    agent = agent_of(given)
    if agent is None:
        return MISSING
    async with agent:
        session = (await agent.create_session())["id"]
        await agent.send_message(session, given["endless"])
        stream = agent.stream_events(session, after_sequence=0)
        async for event in stream:
            if event.type == "output.message.delta":
                assert (await agent.cancel(session))["status"] == "cancelled"
            if event.type == "turn.cancelled":
                break
        stream.stop()


steps = [agent_runs, agent_failures, agent_repeats, agent_users, agent_streams, agent_cancels]
