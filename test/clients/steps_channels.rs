//! Calls of one agent through its channel, with the client for agent keys.

use super::{DELTA, Drive, Outcome, Problem, ids_of, read, status_of, text_of, told};
use everruns_sdk::*;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;

pub async fn drive(drive: &Drive) {
    told("agent runs", agent_runs(drive)).await;
    told("agent failures", agent_failures(drive)).await;
    told("agent repeats", agent_repeats(drive)).await;
    told("agent users", agent_users(drive)).await;
    told("agent tokens", agent_tokens(drive)).await;
    told("agent pages", agent_pages(drive)).await;
    told("agent streams", agent_streams(drive)).await;
    told("agent cancels", agent_cancels(drive)).await;
    told("agent busy", agent_busy(drive)).await;
    told("agent questions", agent_questions(drive)).await;
    told("agent approvals", agent_approvals(drive)).await;
}

fn agent_of(drive: &Drive) -> Result<AgentClient, Problem> {
    Ok(AgentClient::new(drive.text("agent_url"), drive.text("agent_key"))?)
}

/// Opens a session and sends a message.
async fn opened(drive: &Drive, agent: &AgentClient, message: &str) -> Result<String, Problem> {
    let id = agent.create_session(None, None).await?.id;
    agent.send_message(&id, drive.text(message), None).await?;
    Ok(id)
}

/// Reads a session from an event on to the first of a type.
async fn follow(
    agent: &AgentClient,
    session: &str,
    after: i32,
    until: &str,
) -> Result<Vec<Event>, Problem> {
    read(agent.stream_events(session, None, Some(after)), until).await
}

fn last_of(events: Vec<Event>) -> Result<Event, Problem> {
    Ok(events.into_iter().next_back().ok_or("nothing came")?)
}

async fn agent_runs(drive: &Drive) -> Outcome {
    let agent = agent_of(drive)?;
    let card = agent.card().await?;
    expect!(!card.name.is_empty() && card.streaming && card.input.text, card);
    expect!(card.auth.iter().any(|one| one.auth_type == "agent_key"), card);
    expect!(card.links.sessions.is_some(), card);
    expect!(agent.run(drive.text("sum"), None).await? == "It is 5.", card);
    let session = agent.create_session(Some("Sums"), None).await?;
    for _ in 0..2 {
        expect!(agent.run(drive.text("sum"), Some(&session.id)).await? == "It is 5.", session);
    }
    let now = agent.get_session(&session.id).await?;
    expect!(now.title.as_deref() == Some("Sums"), now);
    Ok(None)
}

async fn agent_failures(drive: &Drive) -> Outcome {
    let agent = agent_of(drive)?;
    match agent.run(drive.text("failure"), None).await {
        Err(Error::TurnFailed { code, .. }) => {
            expect!(code.as_deref() == Some("internal_error"), code)
        }
        other => return Err(format!("the client did not see the failure: {other:?}").into()),
    }
    let unknown = format!("session_{:032x}", 0);
    expect!(status_of(agent.get_session(&unknown).await)? == 404, unknown);
    let key = format!("evr_ak_{:064x}", 0);
    let stranger = AgentClient::new(drive.text("agent_url"), key)?;
    expect!(status_of(stranger.card().await)? == 401, stranger);
    Ok(None)
}

async fn agent_repeats(drive: &Drive) -> Outcome {
    let agent = agent_of(drive)?;
    let one = agent.create_session(Some("One"), Some("one-rs")).await?;
    let again = agent.create_session(Some("One"), Some("one-rs")).await?;
    expect!(again.id == one.id, again);
    let first = agent.send_message(&one.id, "Hi", Some("hi-rs")).await?;
    let second = agent.send_message(&one.id, "Hi", Some("hi-rs")).await?;
    expect!(first["id"].is_string() && first == second, second);
    let other = agent.send_message(&one.id, "Other", Some("hi-rs")).await;
    expect!(status_of(other)? == 422, one);
    let other = agent.create_session(Some("Two"), Some("one-rs")).await;
    expect!(status_of(other)? == 422, one);
    Ok(None)
}

async fn agent_users(drive: &Drive) -> Outcome {
    let agent = agent_of(drive)?;
    let (ada, bob) = (agent.for_end_user("ada-rs"), agent.for_end_user("bob-rs"));
    let session = ada.create_session(Some("Ada's"), None).await?.id;
    bob.create_session(None, None).await?;
    let own = ada.list_sessions(None, None).await?.data;
    expect!(own.iter().any(|one| one.id == session), own);
    for other in [&agent, &bob] {
        let listed = other.list_sessions(None, None).await?.data;
        expect!(listed.iter().all(|one| one.id != session), listed);
        expect!(status_of(other.get_session(&session).await)? == 404, other);
    }
    let client = |key: &str| {
        AgentClient::builder().agent_url(drive.text("agent_url")).credential(drive.text(key))
    };
    let ada = client("agent_key").end_user("ada-rs").build()?;
    expect!(ada.get_session(&session).await?.title.as_deref() == Some("Ada's"), ada);
    let plain = client("plain_key").build()?;
    expect!(plain.list_sessions(None, None).await?.data.is_empty(), plain);
    let refused = plain.for_end_user("ada-rs").list_sessions(None, None).await;
    expect!(status_of(refused)? == 403, plain);
    Ok(None)
}

async fn agent_tokens(drive: &Drive) -> Outcome {
    let agent = agent_of(drive)?;
    let ada = agent.for_end_user("ada-rs");
    let session = ada.create_session(None, None).await?.id;
    let token = ada.runtime_token().await?;
    expect!(token.token_type == "Bearer" && token.expires_in == 900, token.expires_in);
    let page = AgentClient::new(drive.text("agent_url"), token.access_token)?;
    expect!(!page.run("Hello", Some(&session)).await?.is_empty(), page);
    let listed = page.list_sessions(Some(1), None).await?.data;
    expect!(listed.len() == 1 && listed[0].id == session, listed);
    let refused = page.for_end_user("bob-rs").list_sessions(None, None).await;
    expect!(status_of(refused)? == 403, page);
    expect!(status_of(page.for_end_user("ada-rs").runtime_token().await)? == 401, page);
    expect!(status_of(agent.runtime_token().await)? == 400, agent);
    Ok(None)
}

async fn agent_pages(drive: &Drive) -> Outcome {
    let eve = agent_of(drive)?.for_end_user("eve-rs");
    let mut made = HashSet::new();
    for _ in 0..3 {
        made.insert(eve.create_session(None, None).await?.id);
    }
    let first = eve.list_sessions(Some(2), None).await?;
    let rest = eve.list_sessions(Some(2), first.next_page_token.as_deref()).await?;
    expect!(first.data.len() == 2 && rest.next_page_token.is_none(), rest);
    let listed: HashSet<_> = first.data.into_iter().chain(rest.data).map(|one| one.id).collect();
    expect!(listed == made, listed);
    let session = made.iter().next().ok_or("no session")?;
    expect!(!eve.run("Hello", Some(session)).await?.is_empty(), eve);
    let events = eve.list_events(session, None, None).await?.data;
    let page = eve.list_events(session, events[1].sequence, Some(2)).await?.data;
    expect!(ids_of(&page) == ids_of(&events[2..4]), page);
    Ok(None)
}

async fn agent_streams(drive: &Drive) -> Outcome {
    let agent = agent_of(drive)?;
    let session = opened(drive, &agent, "slow").await?;
    let seen = follow(&agent, &session, 0, "turn.completed").await?;
    let listed = agent.list_events(&session, None, None).await?.data;
    let stored: Vec<_> = seen.iter().filter(|one| one.sequence.is_some()).cloned().collect();
    expect!(ids_of(&stored) == ids_of(&listed), ids_of(&stored));
    let ids: HashSet<_> = ids_of(&seen).into_iter().collect();
    expect!(ids.len() == seen.len(), seen.len());
    let reply = listed.iter().find(|one| one.event_type == "output.message.completed");
    let text = reply.ok_or("no reply")?.data["message"]["content"][0]["text"].clone();
    expect!(json!(text_of(&seen)) == text, text_of(&seen));
    let at = seen.iter().enumerate().filter(|(_, one)| one.event_type == DELTA).nth(5);
    let (at, middle) = at.ok_or("too few deltas")?;
    let rest = agent.stream_events(&session, Some(&middle.id), None);
    let rest = read(rest, "turn.completed").await?;
    expect!(json!(text_of(&seen[..=at]) + &text_of(&rest)) == text, text_of(&rest));
    Ok(None)
}

async fn agent_cancels(drive: &Drive) -> Outcome {
    let agent = agent_of(drive)?;
    let session = opened(drive, &agent, "endless").await?;
    follow(&agent, &session, 0, DELTA).await?;
    expect!(agent.cancel(&session).await?["status"] == "cancelled", session);
    follow(&agent, &session, 0, "turn.cancelled").await?;
    let now = agent.get_session(&session).await?;
    expect!(now.extra["last_turn_status"] == "cancelled", now);
    Ok(None)
}

async fn agent_busy(drive: &Drive) -> Outcome {
    let agent = agent_of(drive)?;
    let session = opened(drive, &agent, "slow").await?;
    follow(&agent, &session, 0, DELTA).await?;
    agent.send_message(&session, "Hello", None).await?;
    let mut seen = follow(&agent, &session, 0, "turn.completed").await?;
    let last = seen.last().and_then(|one| one.sequence).ok_or("no sequence")?;
    seen.extend(follow(&agent, &session, last, "turn.completed").await?);
    let count = |of: &str| seen.iter().filter(|one| one.event_type == of).count();
    expect!(count("input.message") == 2 && count("output.message.completed") == 2, seen);
    Ok(None)
}

async fn agent_questions(drive: &Drive) -> Outcome {
    let agent = agent_of(drive)?;
    let session = opened(drive, &agent, "question").await?;
    let asked = last_of(follow(&agent, &session, 0, "tool.call_requested").await?)?;
    let waiting = &asked.data["pending_questions"][0];
    let id = &waiting["questions"][0]["id"];
    let answer = async |color: &str| {
        let answers = json!([{ "id": id, "selected": [color] }]);
        let body = json!({ "tool_call_id": waiting["tool_call_id"], "answers": answers });
        agent.answer_questions(&session, &body).await
    };
    expect!(status_of(answer("Green").await)? == 400, asked);
    let answered = answer("Blue").await?;
    expect!(answered["status"] == "answered" && answered["answered_by"] == "user", answered);
    expect!(status_of(answer("Blue").await)? == 409, asked);
    let ended = last_of(follow(&agent, &session, 0, "turn.completed").await?)?;
    agent.send_message(&session, drive.text("question"), None).await?;
    let after = ended.sequence.ok_or("no sequence")?;
    let asked = last_of(follow(&agent, &session, after, "tool.call_requested").await?)?;
    let waiting = pending(&agent, &session, |one| one.pending_questions).await?;
    expect!(waiting == asked.data["pending_questions"], waiting);
    let declined = json!({ "status": "declined" });
    let declined = agent.answer_questions(&session, &declined).await?;
    expect!(declined["status"] == "declined", declined);
    follow(&agent, &session, after, "turn.completed").await?;
    expect!(agent.get_session(&session).await?.pending_questions.is_none(), session);
    Ok(None)
}

/// What the session waits for.
async fn pending(
    agent: &AgentClient,
    session: &str,
    of: fn(AgentSession) -> Option<Value>,
) -> Result<Value, Problem> {
    loop {
        if let Some(found) = of(agent.get_session(session).await?) {
            return Ok(found);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn agent_approvals(drive: &Drive) -> Outcome {
    let agent = agent_of(drive)?;
    let session = agent.create_session(None, None).await?.id;
    let mut last = 0;
    let mut successes = Vec::new();
    for decision in ["reject", "allow", "allow_always"] {
        agent.send_message(&session, drive.text("write"), None).await?;
        let held = pending(&agent, &session, |one| one.pending_approvals).await?[0].clone();
        expect!(held["answerable"] == true && held["tool_name"] == "write_file", held);
        expect!(held["arguments"] == json!({ "path": "/a", "content": "x" }), held);
        let decide = async |word: &str| {
            let one = json!({ "tool_call_id": held["tool_call_id"], "decision": word });
            agent.submit_tool_approvals(&session, &json!({ "decisions": [one] })).await
        };
        expect!(status_of(decide("maybe").await)? == 400, held);
        let resolved = decide(decision).await?["resolved"][0].clone();
        expect!(resolved["outcome"] == decision && resolved["tool"] == "write_file", resolved);
        expect!(status_of(decide(decision).await)? == 409, held);
        let seen = follow(&agent, &session, last, "turn.completed").await?;
        let done = seen.iter().filter(|one| one.event_type == "tool.completed");
        successes.extend(done.map(|one| one.data["success"].clone()));
        last = last_of(seen)?.sequence.ok_or("no sequence")?;
    }
    let reply = agent.run(drive.text("write"), Some(&session)).await?;
    expect!(reply == "It is written.", reply);
    expect!(successes == [json!(false), json!(true), json!(true)], successes);
    let exported = drive.client.sessions().export(&session).await?;
    expect!(exported.contains("\"/a\""), exported);
    Ok(None)
}
