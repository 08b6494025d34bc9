//! Calls of the newest clients about messages, results of client tools, and secrets for tools.

use super::{Drive, Outcome, Problem, read, status_of, told};
use everruns_sdk::sse::StreamOptions;
use everruns_sdk::*;
use serde_json::json;

pub async fn drive(drive: &Drive) {
    told("message images", message_images(drive)).await;
    told("message fields", message_fields(drive)).await;
    told("tool errors", tool_errors(drive)).await;
    told("session additions", session_additions(drive)).await;
    told("session secrets", session_secrets(drive)).await;
    told("organizations", organizations(drive)).await;
}

fn message_of(content: Vec<ContentPart>) -> CreateMessageRequest {
    CreateMessageRequest::new(MessageInput::new(MessageRole::User, content))
}

async fn opened(drive: &Drive, capability: &str) -> Result<Session, Problem> {
    let capability = AgentCapabilityConfig::new(capability).config(json!({}));
    let wanted = CreateSessionRequest::new().capabilities(vec![capability]);
    Ok(drive.client.sessions().create_with_options(wanted).await?)
}

async fn message_images(drive: &Drive) -> Outcome {
    let messages = drive.client.messages();
    let session = drive.client.sessions().create().await?;
    let parts = vec![
        ContentPart::text("What is this?"),
        ContentPart::ImageFile { image_id: drive.text("image_id").into() },
        ContentPart::Image { base64: Some(drive.text("image").into()), url: None },
    ];
    let posted = messages.create_with_options(&session.id, message_of(parts.clone())).await?;
    let unknown = vec![ContentPart::ImageFile { image_id: format!("img_{:032x}", 0) }];
    let refused = messages.create_with_options(&session.id, message_of(unknown)).await;
    expect!(status_of(refused)? == 400, posted);
    drive.follow(&session, StreamOptions::new(), "session.idled").await?;
    let list = messages.list(&session.id).await?.data;
    expect!(list.len() == 2 && list[0].id == posted.id, list);
    expect!(json!(list[0].content) == json!(parts), list[0].content);
    Ok(None)
}

async fn message_fields(drive: &Drive) -> Outcome {
    let session = drive.open("math_agent").await?;
    let models = drive.client.models().list().await?.data;
    let model = models.iter().find(|one| one.model_id == "llmsim-default").ok_or("no model")?;
    let mut controls = Controls::default();
    controls.hints = Some(json!({ "page": "/doors" }));
    controls.model_id = Some(model.id.clone());
    controls.reasoning = Some(json!({ "effort": "low" }));
    let actor = ExternalActor::new("U1", "slack")
        .actor_name("Ada")
        .metadata([("team".to_string(), "T1".to_string())].into());
    let wanted = CreateMessageRequest::user_text(drive.text("sum"))
        .controls(controls)
        .external_actor(actor.clone())
        .metadata([("ticket".to_string(), json!(7))].into())
        .tags(vec!["one".into()]);
    let posted = drive.client.messages().create_with_options(&session.id, wanted).await?;
    let controls = posted.controls.as_ref().ok_or("no controls")?;
    expect!(controls.model_id.as_ref() == Some(&model.id), controls);
    expect!(controls.hints == Some(json!({ "page": "/doors" })), controls);
    drive.follow(&session, StreamOptions::new(), "session.idled").await?;
    let list = drive.client.messages().list(&session.id).await?.data;
    expect!(json!(list[0].external_actor) == json!(actor), list[0]);
    expect!(list[0].metadata == Some(json!({ "ticket": 7 })), list[0]);
    Ok(None)
}

async fn tool_errors(drive: &Drive) -> Outcome {
    let messages = drive.client.messages();
    let session = drive.open("tool_agent").await?;
    drive.say(&session, "door").await?;
    let seen = drive.follow(&session, StreamOptions::new(), "tool.call_requested").await?;
    let asked = seen.last().ok_or("nothing came")?;
    let calls = asked.tool_calls();
    expect!(calls.len() == 1 && calls[0].name == "open_door", asked);
    let submit = async |id: &str| {
        let failed = ContentPart::tool_error(id, "It is stuck.");
        messages.create_tool_results(&session.id, vec![failed]).await
    };
    expect!(status_of(submit("call_of_another").await)? == 409, asked);
    expect!(submit(calls[0].id).await?.accepted == 1, asked);
    expect!(status_of(submit(calls[0].id).await)? == 409, asked);
    let after = StreamOptions::new().with_since_id(&asked.id);
    drive.follow(&session, after, "session.idled").await?;
    let list = messages.list(&session.id).await?.data;
    let called = list[1].content.iter().find_map(ContentPart::as_tool_call).ok_or("no call")?;
    expect!(list.len() == 4 && called.id == calls[0].id, list);
    let result = list[2].content.first();
    expect!(
        matches!(result, Some(ContentPart::ToolResult { error: Some(text), .. }) if text == "It is stuck."),
        result
    );
    Ok(None)
}

/// What a session adds to its agent, which has no tools.
async fn session_additions(drive: &Drive) -> Outcome {
    let session = opened(drive, "test_math").await?;
    expect!(session.capabilities[0].capability_ref == "test_math", session);
    drive.say(&session, "sum").await?;
    let types = vec!["tool.completed".to_string(), "session.idled".to_string()];
    let options = StreamOptions::new().with_types(types);
    let seen = drive.follow(&session, options, "session.idled").await?;
    expect!(seen.len() == 2 && seen[0].data["success"] == true, seen);
    Ok(None)
}

async fn session_secrets(drive: &Drive) -> Outcome {
    let sessions = drive.client.sessions();
    let session = opened(drive, "session_storage").await?;
    for value in ["old", "canary"] {
        let secrets = [("TOKEN".to_string(), value.to_string())].into();
        sessions.set_secrets(&session.id, &secrets).await?;
    }
    drive.say(&session, "secret").await?;
    let stream = drive.client.events().stream(&session.id);
    let seen = read(stream, "tool.completed").await?;
    let got = &seen.last().ok_or("nothing came")?.data;
    expect!(got["success"] == true && got["result"].to_string().contains("canary"), got);
    let secret = |name: &str| [(name.to_string(), "x".to_string())].into();
    expect!(status_of(sessions.set_secrets(&session.id, &secret("")).await)? == 400, session);
    let unknown = format!("session_{:032x}", 0);
    expect!(status_of(sessions.set_secrets(&unknown, &secret("TOKEN")).await)? == 404, session);
    Ok(None)
}

async fn organizations(drive: &Drive) -> Outcome {
    let client =
        |org: &str| Everruns::with_base_url_and_org_id(drive.text("key"), drive.text("url"), org);
    let found = client(drive.text("org_id"))?.agents().get(drive.text("math_agent")).await?;
    expect!(found.id == drive.text("math_agent"), found);
    let stranger = client(&format!("org_{:032x}", 0))?;
    expect!(status_of(stranger.agents().list().await)? == 404, stranger);
    Ok(None)
}
