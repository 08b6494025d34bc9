//! Drives a server through the published Rust client that this is built with, and prints one line of JSON a step.
//!
//! What to drive comes as JSON in CLIENT_TEST: url, key, agents and the messages that make the simulated model do
//! things. Built with the feature `first` for the first version, which has less, and with `newest` for the versions
//! from 0.3 on, which have more: their steps are in the files steps_*.rs.

use everruns_sdk::sse::{EventStream, StreamOptions};
use everruns_sdk::*;
use futures::StreamExt;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;

type Problem = Box<dyn std::error::Error>;
/// A step's note, if there is something to tell.
type Outcome = Result<Option<&'static str>, Problem>;

const DELTA: &str = "output.message.delta";
const DELTAS: [&str; 2] = [DELTA, "reason.thinking.delta"];
#[cfg(feature = "first")]
const MISSING: Outcome = Ok(Some("not in this version"));

struct Drive {
    client: Everruns,
    given: Value,
}

macro_rules! expect {
    ($truth:expr, $shown:expr) => {
        if !$truth {
            return Err(format!("{} does not hold: {:?}", stringify!($truth), $shown).into());
        }
    };
}

#[cfg(feature = "newest")]
mod steps_agents;
#[cfg(feature = "newest")]
mod steps_budgets;
#[cfg(feature = "newest")]
mod steps_channels;
#[cfg(feature = "newest")]
mod steps_messages;
#[cfg(feature = "newest")]
mod steps_sessions;

impl Drive {
    fn text(&self, name: &str) -> &str {
        self.given[name].as_str().expect("it is given")
    }

    async fn open(&self, agent: &str) -> Result<Session, Problem> {
        #[cfg(feature = "first")]
        let wanted = CreateSessionRequest::new(self.text(agent));
        #[cfg(not(feature = "first"))]
        let wanted = CreateSessionRequest::new().agent_id(self.text(agent));
        let wanted = wanted.title("Sums");
        Ok(self.client.sessions().create_with_options(wanted).await?)
    }

    async fn say(&self, session: &Session, name: &str) -> Result<Message, Problem> {
        Ok(self.client.messages().create(&session.id, self.text(name)).await?)
    }

    async fn follow(
        &self,
        session: &Session,
        options: StreamOptions,
        until: &str,
    ) -> Result<Vec<Event>, Problem> {
        read(self.client.events().stream_with_options(&session.id, options), until).await
    }

    async fn listed(&self, session: &Session) -> Result<Vec<Event>, Problem> {
        Ok(self.client.events().list(&session.id).await?.data)
    }

    async fn agents(&self) -> Outcome {
        let agents = self.client.agents();
        let wanted = CreateAgentRequest::new("porter", "You open doors.")
            .description("Opens doors.")
            .tags(vec!["one".into(), "two".into()]);
        let made = agents.create_with_options(wanted).await?;
        expect!(made.tags == ["one", "two"], made);
        let list = agents.list().await?;
        expect!(list.total as usize >= list.data.len() && list.limit > 0, list.total);
        expect!(list.data.iter().any(|one| one.id == made.id), list.data.len());
        expect!(agents.get(&made.id).await?.description == made.description, made);
        agents.delete(&made.id).await?;
        let archived = agents.get(&made.id).await?;
        expect!(matches!(archived.status, AgentStatus::Archived), archived);
        Ok(None)
    }

    #[cfg(feature = "first")]
    async fn agent_upserts(&self) -> Outcome {
        MISSING
    }

    #[cfg(not(feature = "first"))]
    async fn agent_upserts(&self) -> Outcome {
        let agents = self.client.agents();
        let id = generate_agent_id();
        agents.apply(&id, "porter", "You open doors.").await?;
        let second = agents.apply(&id, "porter", "You close doors.").await?;
        expect!(second.id == id && second.system_prompt == "You close doors.", second);
        // Its name is a slug: the next client applies another agent under it.
        agents.delete(&id).await?;
        Ok(None)
    }

    #[cfg(feature = "first")]
    async fn agent_files(&self) -> Outcome {
        MISSING
    }

    #[cfg(not(feature = "first"))]
    async fn agent_files(&self) -> Outcome {
        let agents = self.client.agents();
        let text = "---\nname: porter\ndescription: Opens doors.\n---\nYou open doors.\n";
        let made = agents.import(text).await?;
        expect!(made.name == "porter" && made.system_prompt.trim() == "You open doors.", made);
        let again = agents.import(&agents.export(&made.id).await?).await?;
        expect!(again.system_prompt == made.system_prompt, again);
        Ok(None)
    }

    #[cfg(feature = "first")]
    async fn capabilities(&self) -> Outcome {
        MISSING
    }

    #[cfg(not(feature = "first"))]
    async fn capabilities(&self) -> Outcome {
        let listed = self.client.capabilities().list().await?;
        expect!(listed.data.iter().any(|one| one.id == "test_math"), listed.total);
        let one = self.client.capabilities().get("test_math").await?;
        expect!(one.status == "available", one);
        Ok(None)
    }

    async fn sessions(&self) -> Outcome {
        let sessions = self.client.sessions();
        let made = self.open("math_agent").await?;
        expect!(matches!(made.status, SessionStatus::Started), made);
        expect!(made.title.as_deref() == Some("Sums"), made);
        let list = sessions.list().await?;
        expect!(list.data.iter().any(|one| one.id == made.id), list.total);
        expect!(sessions.get(&made.id).await?.id == made.id, made);
        sessions.delete(&made.id).await?;
        expect!(status_of(sessions.get(&made.id).await)? == 404, made);
        Ok(None)
    }

    async fn messages(&self) -> Outcome {
        let session = self.open("math_agent").await?;
        let controls = serde_json::from_value(json!({ "max_tokens": 100, "temperature": 0.5 }))?;
        let wanted = CreateMessageRequest::user_text(self.text("sum")).controls(controls);
        let posted = self.client.messages().create_with_options(&session.id, wanted).await?;
        expect!(matches!(posted.role, MessageRole::User), posted);
        self.follow(&session, StreamOptions::new(), "session.idled").await?;
        let list = self.client.messages().list(&session.id).await?;
        expect!(roles_of(&list.data)? == ["user", "agent", "tool_result", "agent"], list.data);
        expect!(list.total == 4 && list.data[0].id == posted.id, list.data);
        let call = list.data[1].content.last();
        let Some(ContentPart::ToolCall { id, arguments, .. }) = call else {
            return Err(format!("no call: {:?}", list.data[1]).into());
        };
        expect!(arguments == &json!({ "a": 2, "b": 3 }), arguments);
        let result = list.data[2].content.first();
        expect!(
            matches!(result, Some(ContentPart::ToolResult { tool_call_id, .. }) if tool_call_id == id),
            result
        );
        let usage = self.client.sessions().get(&session.id).await?.usage;
        expect!(usage.as_ref().is_some_and(|one| one.output_tokens > 0), usage);
        Ok(None)
    }

    async fn tool_results(&self) -> Outcome {
        let session = self.open("tool_agent").await?;
        self.say(&session, "door").await?;
        let seen = self.follow(&session, StreamOptions::new(), "tool.call_requested").await?;
        let asked = seen.last().ok_or("nothing came")?;
        let part = ContentPart::ToolResult {
            tool_call_id: asked.data["tool_calls"][0]["id"].as_str().ok_or("no call")?.to_string(),
            result: Some(json!({ "open": true })),
            error: None,
        };
        self.answer(&session, part).await?;
        let after = StreamOptions::new().with_since_id(&asked.id);
        self.follow(&session, after, "session.idled").await?;
        let list = self.client.messages().list(&session.id).await?;
        expect!(roles_of(&list.data)? == ["user", "agent", "tool_result", "agent"], list.data);
        Ok(None)
    }

    #[cfg(feature = "first")]
    async fn answer(&self, session: &Session, part: ContentPart) -> Outcome {
        let message = MessageInput::new(MessageRole::ToolResult, vec![part]);
        let request = CreateMessageRequest::new(message);
        self.client.messages().create_with_options(&session.id, request).await?;
        Ok(None)
    }

    #[cfg(not(feature = "first"))]
    async fn answer(&self, session: &Session, part: ContentPart) -> Outcome {
        let answer = self.client.messages().create_tool_results(&session.id, vec![part]).await?;
        expect!(answer.accepted == 1, answer);
        Ok(None)
    }

    async fn events(&self) -> Outcome {
        let session = self.open("math_agent").await?;
        self.say(&session, "sum").await?;
        let seen = self.follow(&session, StreamOptions::exclude_deltas(), "session.idled").await?;
        let listed = self.listed(&session).await?;
        expect!(ids_of(&seen) == ids_of(&listed), ids_of(&listed));
        let turns: HashSet<_> =
            listed.iter().filter_map(|one| one.context.turn_id.clone()).collect();
        expect!(turns.len() == 1, turns);
        self.some_events(&session, &listed).await
    }

    #[cfg(feature = "first")]
    async fn some_events(&self, _session: &Session, _listed: &[Event]) -> Outcome {
        Ok(Some("exclude: of streams only"))
    }

    #[cfg(not(feature = "first"))]
    async fn some_events(&self, session: &Session, listed: &[Event]) -> Outcome {
        let excluded = ["turn.started".to_string(), "llm.generation".to_string()];
        let options = client::ListEventsOptions {
            since_id: Some(listed[1].id.clone()),
            exclude: excluded.to_vec(),
            ..Default::default()
        };
        let some = self.client.events().list_with_options(&session.id, &options).await?.data;
        let wanted: Vec<_> = listed[2..]
            .iter()
            .filter(|one| !excluded.contains(&one.event_type))
            .map(|one| one.id.clone())
            .collect();
        expect!(ids_of(&some) == wanted, ids_of(&some));
        Ok(None)
    }

    async fn cancel(&self) -> Outcome {
        let session = self.open("math_agent").await?;
        self.say(&session, "endless").await?;
        self.follow(&session, StreamOptions::new(), DELTA).await?;
        self.client.sessions().cancel(&session.id).await?;
        let seen = self.follow(&session, StreamOptions::exclude_deltas(), "session.idled").await?;
        expect!(seen.iter().any(|one| one.event_type == "turn.cancelled"), seen.len());
        let now = self.client.sessions().get(&session.id).await?;
        expect!(matches!(now.status, SessionStatus::Idle), now);
        self.client.sessions().cancel(&session.id).await?;
        Ok(None)
    }

    async fn errors(&self) -> Outcome {
        let unknown = format!("agent_{:032x}", 1);
        expect!(status_of(self.client.agents().get(&unknown).await)? == 404, unknown);
        let key = format!("evr_{:064x}", 0);
        let stranger = Everruns::with_base_url(key, self.text("url"))?;
        expect!(status_of(stranger.agents().list().await)? == 401, stranger);
        Ok(None)
    }

    async fn stream(&self) -> Outcome {
        let session = self.open("math_agent").await?;
        self.say(&session, "slow").await?;
        let seen = self.follow(&session, StreamOptions::new(), "session.idled").await?;
        let listed = self.listed(&session).await?;
        expect!(stored(&seen) == ids_of(&listed), stored(&seen));
        let ids: HashSet<_> = ids_of(&seen).into_iter().collect();
        expect!(ids.len() == seen.len(), seen.len());
        let reply = listed.iter().find(|one| one.event_type == "output.message.completed");
        let text = reply.ok_or("no reply")?.data["message"]["content"][0]["text"].clone();
        let text = text.as_str().ok_or("no text")?;
        expect!(text_of(&seen) == text && text.len() > 100, text_of(&seen));
        let at = seen.iter().enumerate().filter(|(_, one)| one.event_type == DELTA).nth(5);
        let (at, middle) = at.ok_or("too few deltas")?;
        let after = StreamOptions::new().with_since_id(&middle.id);
        let rest = self.follow(&session, after, "session.idled").await?;
        let whole: Vec<_> = seen[..=at].iter().chain(&rest).cloned().collect();
        expect!(text_of(&whole) == text, text_of(&rest));
        expect!(stored(&whole) == stored(&seen), stored(&rest));
        Ok(None)
    }
}

/// The events of a stream to the first of a type.
async fn read(mut stream: EventStream, until: &str) -> Result<Vec<Event>, Problem> {
    let mut seen = Vec::new();
    while let Some(event) = stream.next().await {
        let event = event?;
        let is_last = event.event_type == until;
        seen.push(event);
        if is_last {
            break;
        }
    }
    stream.stop();
    Ok(seen)
}

fn status_of<T>(answer: Result<T, Error>) -> Result<u16, Problem> {
    match answer {
        Ok(_) => Ok(200),
        Err(Error::Api { status, .. }) => Ok(status),
        Err(other) => Err(other.into()),
    }
}

fn roles_of(messages: &[Message]) -> Result<Vec<Value>, Problem> {
    messages.iter().map(|one| Ok(serde_json::to_value(&one.role)?)).collect()
}

fn ids_of(events: &[Event]) -> Vec<String> {
    events.iter().map(|one| one.id.clone()).collect()
}

fn stored(events: &[Event]) -> Vec<String> {
    let kept = events.iter().filter(|one| !DELTAS.contains(&one.event_type.as_str()));
    kept.map(|one| one.id.clone()).collect()
}

fn text_of(events: &[Event]) -> String {
    let deltas = events.iter().filter(|one| one.event_type == DELTA);
    deltas.filter_map(|one| one.data["delta"].as_str()).collect()
}

async fn told(step: &str, work: impl Future<Output = Outcome>) {
    let outcome = tokio::time::timeout(Duration::from_secs(30), work).await;
    let (ok, note) = match outcome {
        Ok(Ok(note)) => (true, note.map(str::to_string)),
        Ok(Err(problem)) => (false, Some(problem.to_string())),
        Err(late) => (false, Some(late.to_string())),
    };
    println!("{}", json!({ "step": step, "ok": ok, "note": note }));
}

#[tokio::main]
async fn main() -> Result<(), Problem> {
    let given: Value = serde_json::from_str(&std::env::var("CLIENT_TEST")?)?;
    let text = |name: &str| given[name].as_str().expect("it is given").to_string();
    let client = Everruns::with_base_url(text("key"), &text("url"))?;
    let drive = Drive { client, given };
    told("agents", drive.agents()).await;
    told("agent upserts", drive.agent_upserts()).await;
    told("agent files", drive.agent_files()).await;
    told("capabilities", drive.capabilities()).await;
    told("sessions", drive.sessions()).await;
    told("messages", drive.messages()).await;
    told("tool results", drive.tool_results()).await;
    told("events", drive.events()).await;
    told("cancel", drive.cancel()).await;
    told("errors", drive.errors()).await;
    told("stream", drive.stream()).await;
    #[cfg(feature = "newest")]
    {
        steps_agents::drive(&drive).await;
        steps_budgets::drive(&drive).await;
        steps_channels::drive(&drive).await;
        steps_messages::drive(&drive).await;
        steps_sessions::drive(&drive).await;
    }
    Ok(())
}
