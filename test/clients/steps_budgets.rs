//! Calls of the newest clients about budgets.

use super::{Drive, Outcome, status_of, told};
use everruns_sdk::*;
use serde_json::json;

pub async fn drive(drive: &Drive) {
    told("budgets", budgets(drive)).await;
    told("budgets of a session", budgets_of_a_session(drive)).await;
    told("refused budgets", refused_budgets(drive)).await;
}

async fn budgets(drive: &Drive) -> Outcome {
    let (client, agent) = (drive.client.budgets(), drive.text("math_agent"));
    let wanted = CreateBudgetRequest::new("agent", agent, "usd", 10.0)
        .soft_limit(8.0)
        .period(BudgetPeriod::Calendar { unit: "month".into() })
        .metadata(json!({ "team": "sums" }));
    let made = client.create(wanted).await?;
    expect!((made.limit, made.balance, made.soft_limit) == (10.0, 10.0, Some(8.0)), made);
    expect!(made.status == BudgetStatus::Active && made.period_started_at.is_some(), made);
    expect!(matches!(&made.period, Some(BudgetPeriod::Calendar { unit }) if unit == "month"), made);
    expect!(made.metadata == Some(json!({ "team": "sums" })), made);
    expect!(client.get(&made.id).await?.id == made.id, made);
    let listed = client.list(Some("agent"), Some(agent)).await?;
    expect!(listed.iter().any(|one| one.id == made.id), listed);
    let raised = client.update(&made.id, UpdateBudgetRequest::new().limit(20.0)).await?;
    expect!(raised.balance == 20.0, raised);
    let topped = client.top_up(&made.id, TopUpRequest::new(5.0).description("Approved")).await?;
    expect!(topped.balance == 25.0, topped);
    let entries = client.ledger(&made.id, Some(1), None).await?;
    expect!(entries.len() == 1 && entries[0].amount == -5.0, entries);
    expect!(entries[0].description.as_deref() == Some("Approved"), entries);
    expect!(entries[0].budget_id == made.id, entries);
    let check = client.check(&made.id).await?;
    expect!(check.action == "continue", check);
    client.delete(&made.id).await?;
    expect!(client.get(&made.id).await?.status == BudgetStatus::Disabled, made);
    Ok(None)
}

async fn budgets_of_a_session(drive: &Drive) -> Outcome {
    let (client, sessions) = (drive.client.budgets(), drive.client.sessions());
    let session = drive.open("math_agent").await?;
    let free = sessions.budget_check(&session.id).await?;
    expect!(free.action == "continue", free);
    let wanted = CreateBudgetRequest::new("session", session.id.as_str(), "tokens", 1000.0);
    let made = client.create(wanted).await?;
    let listed = sessions.budgets(&session.id).await?;
    expect!(listed.iter().any(|one| one.id == made.id), listed);
    client.update(&made.id, UpdateBudgetRequest::new().status("paused")).await?;
    let check = sessions.budget_check(&session.id).await?;
    expect!(check.action == "pause" && check.budget_id.as_ref() == Some(&made.id), check);
    expect!(check.error_code.as_deref() == Some("budget_paused"), check);
    let resumed = sessions.resume(&session.id).await?;
    expect!(resumed.session_id == session.id && resumed.resumed_budgets == 1, resumed);
    expect!(client.get(&made.id).await?.status == BudgetStatus::Active, made);
    client.delete(&made.id).await?;
    Ok(None)
}

async fn refused_budgets(drive: &Drive) -> Outcome {
    let client = drive.client.budgets();
    let unknown = format!("agent_{}1", "0".repeat(31));
    for (agent, limit, status) in [(unknown.as_str(), 1.0, 404), (drive.text("math_agent"), 0.0, 400)] {
        let wanted = CreateBudgetRequest::new("agent", agent, "usd", limit);
        let answer = status_of(client.create(wanted).await)?;
        expect!(answer == status, (agent, answer));
    }
    Ok(None)
}
