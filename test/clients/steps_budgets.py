"""Calls of the newest clients about budgets."""

import everruns_sdk


async def budgets(client, given):
    agent = given["math_agent"]
    period = {"type": "calendar", "unit": "month"}
    made = await client.budgets.create(
        "agent", agent, "usd", 10, soft_limit=8, period=period, metadata={"team": "sums"}
    )
    assert (made.limit, made.balance, made.soft_limit, made.status) == (10, 10, 8, "active"), made
    assert made.period.unit == "month" and made.period_started_at and made.metadata == {"team": "sums"}
    assert (await client.budgets.get(made.id)).id == made.id
    listed = await client.budgets.list(subject_type="agent", subject_id=agent)
    assert made.id in [one.id for one in listed], listed
    assert (await client.budgets.update(made.id, limit=20)).balance == 20
    topped = await client.budgets.top_up(made.id, 5, description="Approved")
    assert topped.balance == 25, topped
    entry, *_ = await client.budgets.ledger(made.id, limit=1)
    assert (entry.amount, entry.description, entry.budget_id) == (-5, "Approved", made.id), entry
    assert (await client.budgets.check(made.id)).action == "continue"
    await client.budgets.delete(made.id)
    assert (await client.budgets.get(made.id)).status == "disabled"


async def budgets_of_a_session(client, given):
    session = await client.sessions.create(agent_id=given["math_agent"])
    assert (await client.sessions.budget_check(session.id)).action == "continue"
    made = await client.budgets.create("session", session.id, "tokens", 1000)
    assert made.id in [one.id for one in await client.sessions.budgets(session.id)]
    await client.budgets.update(made.id, status="paused")
    check = await client.sessions.budget_check(session.id)
    assert (check.action, check.error_code, check.budget_id) == ("pause", "budget_paused", made.id)
    resumed = await client.sessions.resume(session.id)
    assert (resumed.session_id, resumed.resumed_budgets) == (session.id, 1), resumed
    assert (await client.budgets.get(made.id)).status == "active"
    await client.budgets.delete(made.id)


async def refused_budgets(client, given):
    for about, status in [
        (("agent", "agent_" + "0" * 31 + "1", "usd", 1), 404),
        (("agent", given["math_agent"], "usd", 0), 400),
    ]:
        try:
            await client.budgets.create(*about)
        except everruns_sdk.ApiError as error:
            assert error.status_code == status, error
        else:
            raise AssertionError(f"a budget was created: {about}")


steps = [budgets, budgets_of_a_session, refused_budgets]
