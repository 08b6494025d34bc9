"""Calls of the newest clients about agents, capabilities, models and harnesses."""

from everruns_sdk.models import AgentCapabilityConfig, InitialFile, ToolDefinition

from expect import refused

slug = "door-warden"


async def agent_names(client, given):
    first = await client.agents.apply_by_name(slug, "You open doors.", display_name="The warden")
    second = await client.agents.apply_by_name(slug, "You close doors.")
    assert first.id == second.id and second.display_name is None, second
    assert (await client.agents.create(slug, "You lock doors.")).id == first.id
    by_name = await client.agents.get(slug)
    assert by_name.id == first.id and by_name.system_prompt == "You lock doors.", by_name
    assert slug in await client.agents.export(slug)
    await client.agents.delete(slug)
    assert (await client.agents.get(first.id)).status == "archived"


async def agent_settings(client, given):
    file = InitialFile(path="/guide.md", content="Be kind.", is_readonly=True)
    made = await client.agents.create(
        slug, "You open doors.", display_name="The warden", initial_files=[file], parallel_tool_calls=False
    )
    assert made.display_name == "The warden" and made.parallel_tool_calls is False, made
    assert made.initial_files == [file], made
    own = InitialFile(path="/own.md", content="AAEC", encoding="base64")
    session = await client.sessions.create(agent_id=made.id, initial_files=[own], parallel_tool_calls=False)
    files = await client._get(f"/sessions/{session.id}/fs")
    assert [(one["path"], one["is_readonly"]) for one in files["data"]] == [("/guide.md", True), ("/own.md", False)]
    await client.sessions.delete(session.id)
    await client.agents.delete(made.id)


async def agent_tools(client, given):
    [model, *_] = [one for one in await client.models.list() if one.model_id == "llmsim-default"]
    parameters = {"type": "object", "properties": {"door": {"type": "string"}}}
    tool = ToolDefinition(name="open_door", description="Opens.", parameters=parameters)
    agent = await client.agents.create(
        slug,
        "You open doors.",
        default_model_id=model.id,
        harness_name="base",
        capabilities=[AgentCapabilityConfig(ref="test_math", config={})],
        tools=[tool],
    )
    assert agent.default_model_id == model.id and agent.harness_id, agent
    assert [one.ref for one in agent.capabilities] == ["test_math"], agent
    [stored] = agent.tools
    assert (stored.name, stored.parameters) == ("open_door", parameters), stored
    await client.agents.delete(agent.id)


async def agent_copies(client, given):
    made = await client.agents.create(slug, "You open doors.", tags=["one"])
    copy = await client.agents.copy(made.id)
    assert copy.name == f"{slug}-copy" and copy.id != made.id and copy.tags == ["one"], copy
    found = [one.id for one in await client.agents.list(search="DOOR-ward")]
    assert set(found) == {made.id, copy.id}, found
    for one in (made, copy):
        await client.agents.delete(one.id)
    assert await client.agents.list(search=slug) == []


async def agent_stats(client, given):
    made = await client.agents.create(slug, "You open doors.")
    before = await client.agents.stats(made.id)
    assert before.session_count == before.execution_count == before.total_input_tokens == 0, before
    session = await client.sessions.create(agent_id=made.id)
    after = await client.agents.stats(slug)
    assert after.session_count == after.started_session_count == 1, after
    await client.sessions.delete(session.id)
    await client.agents.delete(made.id)


async def capability_search(client, given):
    found = await client.capabilities.list(search="TEST_MATH")
    assert [one.id for one in found] == ["test_math"], found
    page = await client.capabilities.list_page(offset=1, limit=2)
    assert len(page.data) == 2, page


async def model_fields(client, given):
    models = await client.models.list()
    assert models and all(one.enabled for one in models), models
    simulated = [one for one in models if one.model_id == "llmsim-default"]
    assert simulated and simulated[0].healthy and simulated[0].source == "predefined", models
    assert (await client.models.get(simulated[0].id)).provider_name


async def harness_reads(client, given):
    [base] = await client.harnesses.list()
    assert base.is_built_in and base.status == "active", base
    assert (await client.harnesses.get(base.id)).name == base.name
    assert await client.harnesses.search("no-such-harness") == []
    assert await client.harnesses.list_examples() == []
    await refused(client.harnesses.create("deep-research", "You look things up."), 403)
    await refused(client.harnesses.update(base.id, system_prompt="You look things up."), 403)
    await refused(client.harnesses.delete(base.id), 403)


steps = [
    agent_names,
    agent_settings,
    agent_tools,
    agent_copies,
    agent_stats,
    capability_search,
    model_fields,
    harness_reads,
]
