"""Calls of the newest clients about messages, results of client tools, and secrets for tools."""

from everruns_sdk import Everruns
from everruns_sdk.models import (
    AgentCapabilityConfig,
    ContentPart,
    Controls,
    CreateMessageRequest,
    ExternalActor,
    MessageInput,
    ToolDefinition,
)

from expect import read, refused
from steps_sessions import ids


async def follow(client, session, until, **options):
    return await read(client.events.stream(session.id, **options), until)


async def post(client, session, *parts, **more):
    message = MessageInput(role="user", content=list(parts))
    request = CreateMessageRequest(message=message, **more)
    return await client._post(f"/sessions/{session.id}/messages", request.model_dump(exclude_none=True))


async def message_images(client, given):
    session = await client.sessions.create()
    text = ContentPart.make_text("What is this?")
    stored = ContentPart(type="image_file", image_id=given["image_id"])
    inline = ContentPart(type="image", base64=given["image"])
    posted = await post(client, session, text, stored, inline)
    unknown = ContentPart(type="image_file", image_id="img_" + "0" * 32)
    await refused(post(client, session, unknown), 400)
    await follow(client, session, "session.idled")
    [question, reply] = await client.messages.list(session.id)
    assert question.id == posted["id"] and reply.role == "agent", (question, reply)
    named = ContentPart(type="image_file", image_id=given["image_id"], filename="picture.png")
    assert question.content == [text, named, inline], question


async def message_fields(client, given):
    session = await client.sessions.create(agent_id=given["math_agent"])
    [model, *_] = [one for one in await client.models.list() if one.model_id == "llmsim-default"]
    controls = Controls(model_id=model.id, reasoning={"effort": "low"}, hints={"page": "/doors"})
    posted = await client.messages.create(session.id, given["sum"], controls)
    assert posted.controls.model_id == model.id and posted.controls.hints == {"page": "/doors"}, posted
    await follow(client, session, "session.idled")
    actor = ExternalActor(source="slack", actor_id="U1", actor_name="Ada", metadata={"team": "T1"})
    text = ContentPart.make_text("Hi")
    await post(client, session, text, external_actor=actor, metadata={"ticket": 7}, tags=["one"])
    told = [one for one in await client.messages.list(session.id) if one.role == "user"][-1]
    assert told.external_actor == actor and told.metadata == {"ticket": 7}, told


async def tool_errors(client, given):
    session = await client.sessions.create(agent_id=given["tool_agent"])
    await client.messages.create(session.id, given["door"])
    asked = (await follow(client, session, "tool.call_requested"))[-1]
    [call] = asked.tool_calls()
    assert call.name == "open_door" and call.arguments == {}, call
    failed = ContentPart.make_tool_error(call.id, "It is stuck.")
    foreign = ContentPart.make_tool_error("call_of_another", "It is stuck.")
    await refused(client.messages.create_tool_results(session.id, [foreign]), 409)
    assert (await client.messages.create_tool_results(session.id, [failed])).accepted == 1
    await refused(client.messages.create_tool_results(session.id, [failed]), 409)
    await follow(client, session, "session.idled", since_id=asked.id)
    [_, called, result, reply] = await client.messages.list(session.id)
    assert [one.as_tool_call().id for one in called.content if one.is_tool_call()] == [call.id], called
    assert result.content[0].error == "It is stuck." and reply.role == "agent", result


async def session_additions(client, given):
    """What a session adds to its agent, which has no tools."""
    tool = ToolDefinition(name="close_door", description="Closes.", parameters={"type": "object"})
    session = await client.sessions.create(
        tags=["one"], tools=[tool], capabilities=[AgentCapabilityConfig(ref="test_math", config={})]
    )
    assert session.tags == ["one"] and session.tools[0].name == "close_door", session
    assert [one.ref for one in session.capabilities] == ["test_math"], session
    await client.messages.create(session.id, given["sum"])
    seen = await follow(client, session, "session.idled", types=["tool.completed", "session.idled"])
    assert [one.type for one in seen] == ["tool.completed", "session.idled"], seen
    assert seen[0].data["success"], seen


async def session_secrets(client, given):
    storage = AgentCapabilityConfig(ref="session_storage", config={})
    session = await client.sessions.create(capabilities=[storage])
    await client.sessions.set_secrets(session.id, {"TOKEN": "old", "OTHER": "x"})
    await client.sessions.set_secrets(session.id, {"TOKEN": "canary"})
    listed = await client._get(f"/sessions/{session.id}/storage/secrets")
    assert {one["name"] for one in listed["data"]} == {"OTHER", "TOKEN"}, listed
    assert "canary" not in repr(listed), listed
    await client.messages.create(session.id, given["secret"])
    seen = await follow(client, session, "session.idled")
    [got] = [one.data for one in seen if one.type == "tool.completed"]
    assert got["success"] and "canary" in repr(got["result"]), got
    await refused(client.sessions.set_secrets("session_" + "0" * 32, {"TOKEN": "x"}), 404)
    await refused(client.sessions.set_secrets(session.id, {"": "x"}), 400)


async def organizations(client, given):
    about = {"api_key": given["key"], "base_url": given["url"]}
    async with Everruns(org_id=given["org_id"], **about) as member:
        assert given["math_agent"] in ids(await member.agents.list())
    async with Everruns(org_id="org_" + "0" * 32, **about) as stranger:
        await refused(stranger.agents.list(), 404)


steps = [message_images, message_fields, tool_errors, session_additions, session_secrets, organizations]
