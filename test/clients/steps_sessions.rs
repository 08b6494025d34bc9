//! Calls of the newest clients about sessions and events: settings, pins, event queries and change reasons.

use super::{Drive, Outcome, Problem, ids_of, status_of, told};
use everruns_sdk::client::ListEventsOptions;
use everruns_sdk::sse::StreamOptions;
use everruns_sdk::*;

pub async fn drive(drive: &Drive) {
    told("session settings", session_settings(drive)).await;
    told("pins", pins(drive)).await;
    told("event queries", event_queries(drive)).await;
    told("ends of turns", ends_of_turns(drive)).await;
    told("change reasons", change_reasons(drive)).await;
}

async fn turn(drive: &Drive) -> Result<(Session, Vec<Event>), Problem> {
    let session = drive.open("math_agent").await?;
    drive.say(&session, "sum").await?;
    drive.follow(&session, StreamOptions::exclude_deltas(), "session.idled").await?;
    let events = drive.listed(&session).await?;
    Ok((session, events))
}

async fn query(
    drive: &Drive,
    session: &Session,
    options: ListEventsOptions,
) -> Result<Vec<Event>, Problem> {
    Ok(drive.client.events().list_with_options(&session.id, &options).await?.data)
}

async fn session_settings(drive: &Drive) -> Outcome {
    let sessions = drive.client.sessions();
    let wanted = CreateSessionRequest::new().harness_name("generic").locale("uk-UA").title("Rusty");
    let made = sessions.create_with_options(wanted).await?;
    expect!(made.agent_id.is_some() && made.locale.as_deref() == Some("uk-UA"), made);
    expect!(sessions.create().await?.agent_id == made.agent_id, made);
    let found = sessions.search("RUST").await?.data;
    expect!(found.len() == 1 && found[0].id == made.id, found);
    let unknown = CreateSessionRequest::new().harness_name("deep-research");
    expect!(status_of(sessions.create_with_options(unknown).await)? == 404, made);
    let agent = drive.client.agents().create("door-keeper-rs", "You open doors.").await?;
    let wanted = CreateSessionRequest::new().agent_name("door-keeper-rs");
    let named = sessions.create_with_options(wanted).await?;
    expect!(named.agent_id.as_deref() == Some(agent.id.as_str()), named);
    drive.client.agents().delete(&agent.id).await?;
    Ok(None)
}

async fn pins(drive: &Drive) -> Outcome {
    let sessions = drive.client.sessions();
    let made = sessions.create().await?;
    sessions.pin(&made.id).await?;
    sessions.pin(&made.id).await?;
    expect!(sessions.get(&made.id).await?.is_pinned == Some(true), made);
    sessions.unpin(&made.id).await?;
    sessions.unpin(&made.id).await?;
    expect!(sessions.get(&made.id).await?.is_pinned == Some(false), made);
    Ok(None)
}

async fn event_queries(drive: &Drive) -> Outcome {
    let (session, events) = turn(drive).await?;
    let ids = ids_of(&events);
    let last = ids.len();
    let end = i32::try_from(last)? + 1;
    let cases = [
        (ListEventsOptions { limit: Some(2), ..Default::default() }, ids[..2].to_vec()),
        (
            ListEventsOptions { before_sequence: Some(end), limit: Some(2), ..Default::default() },
            ids[last - 2..].to_vec(),
        ),
        (
            ListEventsOptions { order_desc: Some(true), limit: Some(1), ..Default::default() },
            ids[last - 1..].to_vec(),
        ),
        (
            ListEventsOptions {
                around: Some(ids[4].clone()),
                window: Some(2),
                ..Default::default()
            },
            ids[2..7].to_vec(),
        ),
        (
            ListEventsOptions { turn_id: events[2].context.turn_id.clone(), ..Default::default() },
            ids[2..].to_vec(),
        ),
        (
            ListEventsOptions { after_sequence: events[4].sequence, ..Default::default() },
            ids[5..].to_vec(),
        ),
        (
            ListEventsOptions {
                from_ts: Some(events[0].ts.clone()),
                to_ts: Some(events[last - 1].ts.clone()),
                ..Default::default()
            },
            ids.clone(),
        ),
        (ListEventsOptions { tags: vec!["none".into()], ..Default::default() }, vec![]),
    ];
    let of = |same: &dyn Fn(&Event) -> bool| {
        ids_of(&events.iter().filter(|one| same(one)).cloned().collect::<Vec<_>>())
    };
    let context =
        &events.iter().find(|one| one.context.exec_id.is_some()).ok_or("no step")?.context;
    let cases = cases.into_iter().chain([
        (
            ListEventsOptions { exec_id: context.exec_id.clone(), ..Default::default() },
            of(&|one| one.context.exec_id == context.exec_id),
        ),
        (
            ListEventsOptions { trace_id: context.trace_id.clone(), ..Default::default() },
            of(&|one| one.context.trace_id == context.trace_id),
        ),
    ]);
    for (options, wanted) in cases {
        let found = query(drive, &session, options.clone()).await?;
        expect!(ids_of(&found) == wanted, (options, ids_of(&found), &wanted));
    }
    let ended = events.iter().find(|one| one.event_type == "turn.completed").ok_or("no end")?;
    let types = vec![ended.event_type.clone()];
    let options = ListEventsOptions { types, ..Default::default() };
    expect!(ids_of(&query(drive, &session, options).await?) == [ended.id.clone()], ended);
    let options = ListEventsOptions { tool_name: Some("add".into()), ..Default::default() };
    let found = query(drive, &session, options).await?;
    expect!(!found.is_empty(), found);
    expect!(found.iter().all(|one| one.event_type.starts_with("tool.")), found);
    let options = ListEventsOptions { q: Some("it is 5.".into()), ..Default::default() };
    let found = query(drive, &session, options).await?;
    expect!(found.iter().any(|one| one.event_type == "output.message.completed"), found);
    Ok(None)
}

async fn ends_of_turns(drive: &Drive) -> Outcome {
    let (session, events) = turn(drive).await?;
    let ended = events.iter().find(|one| one.event_type == "turn.completed").ok_or("no end")?;
    expect!(ended.data["final_answer_preview"] == "It is 5.", ended);
    expect!(ended.data["llm_call_count"] == 2 && ended.data["tool_call_count"] == 1, ended);
    expect!(!drive.client.sessions().export(&session.id).await?.is_empty(), session);
    Ok(None)
}

async fn change_reasons(drive: &Drive) -> Outcome {
    let agent = drive.client.agents().create("porter-by-reason-rs", "You open doors.").await?;
    drive.client.with_reason("Більше не потрібен").agents().delete(&agent.id).await?;
    let bad = drive.client.with_reason(format!("key sk-{}", "a1".repeat(12)));
    expect!(status_of(bad.agents().create("x", "y").await)? == 400, agent);
    Ok(None)
}
