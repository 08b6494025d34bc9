//! Calls of the newest clients about agents, capabilities, models and harnesses.

use super::{Drive, Outcome, Problem, status_of, told};
use everruns_sdk::client::ListCapabilitiesOptions;
use everruns_sdk::*;
use serde_json::json;

const SLUG: &str = "door-warden-rs";

pub async fn drive(drive: &Drive) {
    told("agent names", agent_names(drive)).await;
    told("agent settings", agent_settings(drive)).await;
    told("agent tools", agent_tools(drive)).await;
    told("agent copies", agent_copies(drive)).await;
    told("agent stats", agent_stats(drive)).await;
    told("capability search", capability_search(drive)).await;
    told("model fields", model_fields(drive)).await;
    told("harness reads", harness_reads(drive)).await;
}

async fn agent_names(drive: &Drive) -> Outcome {
    let agents = drive.client.agents();
    let wanted = CreateAgentRequest::new(SLUG, "You open doors.").display_name("The warden");
    let first = agents.apply_by_name_with_options(wanted).await?;
    expect!(first.display_name.as_deref() == Some("The warden"), first);
    let second = agents.apply_by_name(SLUG, "You close doors.").await?;
    expect!(second.id == first.id && second.display_name.is_none(), second);
    expect!(agents.create(SLUG, "You lock doors.").await?.id == first.id, first);
    let wanted = CreateAgentRequest::new(SLUG, "You guard doors.");
    expect!(agents.apply_with_options(&first.id, wanted).await?.id == first.id, first);
    let by_name = agents.get(SLUG).await?;
    expect!(by_name.id == first.id && by_name.system_prompt == "You guard doors.", by_name);
    expect!(agents.export(SLUG).await?.contains(SLUG), by_name);
    agents.delete(SLUG).await?;
    let archived = agents.get(&first.id).await?;
    expect!(matches!(archived.status, AgentStatus::Archived), archived);
    Ok(None)
}

async fn agent_settings(drive: &Drive) -> Outcome {
    let mut network = NetworkAccessList::default();
    network.allowed = vec!["*.example.com".into()];
    network.blocked = vec!["secret.example.com".into()];
    let file = InitialFile::new("/guide.md", "Be kind.").is_readonly(true);
    let wanted = CreateAgentRequest::new(SLUG, "You open doors.")
        .initial_files(vec![file])
        .max_iterations(5)
        .network_access(network)
        .parallel_tool_calls(false);
    let made = drive.client.agents().create_with_options(wanted).await?;
    expect!(made.parallel_tool_calls == Some(false) && made.max_iterations == Some(5), made);
    expect!(made.network_access.as_ref().is_some_and(|one| one.blocked.len() == 1), made);
    expect!(made.initial_files[0].content == "Be kind.", made);
    expect!(made.initial_files[0].is_readonly == Some(true), made);
    let own = InitialFile::new("/own.md", "AAEC").encoding("base64");
    let wanted = CreateSessionRequest::new()
        .agent_id(&made.id)
        .hints([("page".to_string(), json!("/doors"))].into())
        .initial_files(vec![own])
        .max_iterations(3)
        .system_prompt("You speak Ukrainian.")
        .tags(vec!["one".into()]);
    let session = drive.client.sessions().create_with_options(wanted).await?;
    expect!(session.max_iterations == Some(3) && session.tags == ["one"], session);
    expect!(session.hints.as_ref().is_some_and(|one| one["page"] == "/doors"), session);
    expect!(session.system_prompt.as_deref() == Some("You speak Ukrainian."), session);
    let exported = drive.client.sessions().export(&session.id).await?;
    expect!(exported.contains("/guide.md") && exported.contains("/own.md"), exported);
    drive.client.sessions().delete(&session.id).await?;
    drive.client.agents().delete(&made.id).await?;
    Ok(None)
}

async fn simulated(drive: &Drive) -> Result<ModelWithProvider, Problem> {
    let models = drive.client.models().list().await?.data;
    let found = models.into_iter().find(|one| one.model_id == "llmsim-default");
    Ok(found.ok_or("no simulated model")?)
}

async fn agent_tools(drive: &Drive) -> Outcome {
    let parameters = json!({ "type": "object", "properties": { "door": { "type": "string" } } });
    let wanted = CreateAgentRequest::new(SLUG, "You open doors.")
        .default_model_id(simulated(drive).await?.id)
        .harness_name("base")
        .capabilities(vec![AgentCapabilityConfig::new("test_math").config(json!({}))])
        .tools(vec![ToolDefinition::client_side("open_door", "Opens.", parameters.clone())]);
    let agents = drive.client.agents();
    let made = agents.create_with_options(wanted).await?;
    expect!(made.default_model_id.is_some() && !made.harness_id.is_empty(), made);
    expect!(made.capabilities[0].capability_ref == "test_math", made);
    let Some(ToolDefinition::ClientSide(tool)) = made.tools.first() else {
        return Err(format!("no client tool: {made:?}").into());
    };
    expect!(tool.name == "open_door" && tool.parameters == parameters, tool);
    agents.delete(&made.id).await?;
    Ok(None)
}

async fn agent_copies(drive: &Drive) -> Outcome {
    let agents = drive.client.agents();
    let wanted = CreateAgentRequest::new(SLUG, "You open doors.").tags(vec!["one".into()]);
    let made = agents.create_with_options(wanted).await?;
    let copy = agents.copy(&made.id).await?;
    expect!(copy.name == format!("{SLUG}-copy") && copy.id != made.id, copy);
    expect!(copy.tags == ["one"], copy);
    let mut found: Vec<_> =
        agents.search("DOOR-warden-RS").await?.data.into_iter().map(|one| one.id).collect();
    found.sort();
    let mut wanted = vec![made.id, copy.id];
    wanted.sort();
    expect!(found == wanted, found);
    for id in wanted {
        agents.delete(&id).await?;
    }
    expect!(agents.search(SLUG).await?.total == 0, found);
    Ok(None)
}

async fn agent_stats(drive: &Drive) -> Outcome {
    let agents = drive.client.agents();
    let made = agents.create(SLUG, "You open doors.").await?;
    let before = agents.stats(&made.id).await?;
    expect!(before.session_count == 0 && before.total_input_tokens == 0, before);
    let wanted = CreateSessionRequest::new().agent_id(&made.id);
    let session = drive.client.sessions().create_with_options(wanted).await?;
    let after = agents.stats(SLUG).await?;
    expect!(after.session_count == 1 && after.started_session_count == 1, after);
    drive.client.sessions().delete(&session.id).await?;
    agents.delete(&made.id).await?;
    Ok(None)
}

async fn capability_search(drive: &Drive) -> Outcome {
    let capabilities = drive.client.capabilities();
    let options =
        ListCapabilitiesOptions { search: Some("TEST_MATH".into()), ..Default::default() };
    let found = capabilities.list_with_options(&options).await?;
    expect!(found.total == 1 && found.data[0].id == "test_math", found.data);
    let options = ListCapabilitiesOptions { offset: Some(1), limit: Some(2), ..Default::default() };
    let page = capabilities.list_with_options(&options).await?;
    expect!(page.data.len() == 2 && page.offset == 1 && page.limit == 2, page.data);
    Ok(None)
}

async fn model_fields(drive: &Drive) -> Outcome {
    let model = simulated(drive).await?;
    expect!(model.enabled && model.healthy, model);
    expect!(model.source == ModelSource::Predefined, model);
    let one = drive.client.models().get(&model.id).await?;
    expect!(!one.provider_name.is_empty() && !one.provider_type.is_empty(), one);
    Ok(None)
}

async fn harness_reads(drive: &Drive) -> Outcome {
    let harnesses = drive.client.harnesses();
    let listed = harnesses.list().await?;
    let [base] = &listed.data[..] else {
        return Err(format!("not one harness: {:?}", listed.data).into());
    };
    expect!(base.is_built_in == Some(true), base);
    expect!(matches!(base.status, HarnessStatus::Active), base);
    expect!(harnesses.get(&base.id).await?.name == base.name, base);
    expect!(harnesses.get("default").await?.id == base.id, base);
    expect!(harnesses.search("no-such-harness").await?.data.is_empty(), base);
    expect!(harnesses.list_examples().await?.is_empty(), base);
    expect!(status_of(harnesses.create("deep-research", "You look.").await)? == 403, base);
    let change = UpdateHarnessRequest::new().system_prompt("You look.");
    expect!(status_of(harnesses.update(&base.id, change).await)? == 403, base);
    expect!(status_of(harnesses.delete(&base.id).await)? == 403, base);
    Ok(None)
}
