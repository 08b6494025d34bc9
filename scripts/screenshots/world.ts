/** Data of a small company for screenshots: agents, sessions, schedules, servers, providers. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Session } from '@outlast/contract'
import { createOutlast, type Outlast } from '@outlast/sdk'
import { type AgentName, agents } from './agents.ts'
import { type Conversation, conversations, latency } from './conversations.ts'

export type World = { sessions: ReadonlyMap<string, Session>; agentIds: Record<AgentName, string> }

/** Creates all data. Contract: all turns are completed except waiting and running ones. */
export async function makeWorld(url: string, vendorUrl: string): Promise<World> {
  const outlast = createOutlast({ url })
  await addProviders(outlast, vendorUrl)
  const agentIds = await addAgents(outlast)
  const sessions = new Map<string, Session>()
  // Sequentially, oldest first: lists sort by creation time.
  for (const conversation of conversations.toReversed()) {
    sessions.set(conversation.title, await hold(outlast, agentIds, conversation))
  }
  await addSchedules(outlast, agentIds)
  await addMcpServers(outlast)
  return { sessions, agentIds }
}

async function addProviders(outlast: Outlast, vendorUrl: string) {
  const { data } = await outlast.providers.list()
  const anthropic = data.find(({ provider_type }) => provider_type === 'anthropic')!
  await outlast.providers.update(anthropic.id, {
    base_url: vendorUrl,
    api_key: 'a-key-for-pictures',
  })
  for await (const model of outlast.providers.listModels(anthropic.id)) {
    if (model.model_id !== 'claude-sonnet-5-5') continue
    await outlast.models.update(model.id, { is_default: true, is_favorite: true })
  }
  await outlast.providers.create({
    ...{ name: 'Office Ollama', provider_type: 'openai_completions' },
    base_url: 'http://ollama.office.example:11434/v1',
  })
}

async function addAgents(outlast: Outlast) {
  const ids: Partial<Record<AgentName, string>> = {}
  for (const [name, agent] of Object.entries(agents)) {
    ids[name as AgentName] = (await outlast.agents.create(agent)).id
  }
  return ids as Record<AgentName, string>
}

async function hold(
  outlast: Outlast,
  agentIds: World['agentIds'],
  conversation: Conversation,
): Promise<Session> {
  const { agent, title, tags, exchanges, state } = conversation
  const session = await outlast.sessions.create({
    ...{ agent_id: agentIds[agent], title },
    tags: [...tags],
  })
  if (conversation === latency) await addMeasurements(outlast, session.id)
  for (const { said } of exchanges) {
    const turn = outlast.session(session).send(said)
    // One turn fails on purpose.
    if (!state) await turn.catch(() => {})
    else turn.catch(() => {})
  }
  while (state === 'waits' && !(await outlast.sessions.get(session.id)).waiting_for) await sleep(50)
  return session
}

/** Returns durations in milliseconds, one per line, unsorted. */
function measurements(p50: number, p95: number): string {
  const count = 2_000
  const at = (part: number) => {
    if (part < 0.5) return 12 + (p50 - 12) * (part / 0.5)
    if (part < 0.95) return p50 + (p95 - p50) * ((part - 0.5) / 0.45)
    return p95 * (1 + (part - 0.95) * 40)
  }
  const lines = Array.from({ length: count }, (_, line) =>
    Math.round(at(((line * 7_919) % count) / count)),
  )
  return `${lines.join('\n')}\n`
}

async function addMeasurements(outlast: Outlast, sessionId: string) {
  const files = { '/data/4.1.txt': measurements(41, 118), '/data/4.2.txt': measurements(39, 96) }
  for (const [path, content] of Object.entries(files)) {
    await outlast.files.create(sessionId, path, { content })
  }
}

async function addSchedules(outlast: Outlast, agentIds: World['agentIds']) {
  const plans = [
    [
      'Morning report',
      'research',
      '0 8 * * MON-FRI',
      'Summarize the changes in orders since yesterday.',
    ],
    [
      'Unanswered tickets',
      'support',
      '*/30 9-17 * * *',
      'Which tickets wait for longer than a day?',
    ],
    ['Certificates', 'onCall', '0 6 * * MON', 'Which certificates end within 30 days?'],
    ['Draft of the release notes', 'releases', '0 16 * * FRI', 'Draft the notes of this week.'],
  ] as const
  for (const [name, agent, cron_expression, text] of plans) {
    const target = {
      ...{ type: 'workflow', name: 'start_session' },
      input: { agent_id: agentIds[agent], title: name, text },
    }
    await outlast.schedules.create({ name, cron_expression, timezone: 'Europe/Lisbon', target })
  }
}

async function addMcpServers(outlast: Outlast) {
  await outlast.mcpServers.create({
    ...{ name: 'tracker', url: 'https://tracker.tidewater.example/mcp' },
    description: 'Issues and pull requests of the team',
  })
}
