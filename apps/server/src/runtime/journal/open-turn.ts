import { eventTypes } from '@outlast/contract'
import { assemble, type RuntimeAgent } from '../../capabilities/catalog/catalog.ts'
import { clientToolsOf } from '../../capabilities/catalog/client-tools.ts'
import { capabilitiesFor } from '../../capabilities/mcp.ts'
import { isSchema } from '../../capabilities/schemas/output-schema.ts'
import { sessionPrompt } from '../../capabilities/turns/session-prompt.ts'
import { effectiveLimits } from '../../capabilities/turns/turn-limits.ts'
import { addedPrompt } from '../../capabilities/turns/turn-settings.ts'
import {
  addToConversation,
  type Conversation,
  newConversation,
} from '../../store/log/conversation.ts'
import {
  type EventRow,
  type ReadLog,
  readLog,
  readLogFrom,
  readShortLog,
} from '../../store/log/events.ts'
import type { EventMark } from '../../store/log/lost-events.ts'
import { conversationIn } from '../../store/log/present-events.ts'
import { readOutline } from '../../store/turns/turn-outline.ts'
import type { TakenTurn, TurnRun } from '../../store/turns/turns.ts'
import { usageOf } from '../../store/usage.ts'
import { restFor } from '../../text.ts'
import type { Lease } from '../lease.ts'
import type { StoredEvent } from '../log/spans.ts'
import { fold, type LoggedEvent } from '../log/state.ts'
import { findResumingEvent } from '../log/wait.ts'
import type { Node } from '../node.ts'
import type { Turn, TurnFacts, TurnLog } from './attempt.ts'
import type { ConversationRoom } from './conversation-room.ts'
import { FencedError, NotUnderstoodError } from './errors.ts'
import { imagesLength, leaveOutImages } from './image-room.ts'
import { loggedEvent } from './journal.ts'
import type { CachedConversation, Recent } from './recent.ts'
import { resultRoom } from './result-room.ts'
import { agentOfTurn } from './turn-start.ts'

export type TurnOptions = {
  run: TurnRun
  taken: TakenTurn
  /** The event of the turn's message, when this node has just stored it. */
  input: EventRow | undefined
  signal: AbortSignal
  lease: Lease
  recent: Recent
  room: ConversationRoom
  /** The turn only ends: without its agent and the whole log, which may be the cause. */
  ends?: boolean
}

const noAgent: RuntimeAgent = { prompt: '', tools: new Map(), parts: [], left: [] }

/**
 * Reads a turn's log once and assembles its agent.
 * Contract: throws NotUnderstoodError, and FencedError when the turn's message is not in the log.
 */
export async function openTurn(node: Node, options: TurnOptions): Promise<Turn> {
  const { run, taken, signal, lease } = options
  const clock = { database: Date.parse(taken.now), process: performance.now() }
  const read = await readOn(node, options)
  const bytes = turnBytes(read.rows, taken.turn_from, 'input.message')
  const resultBytes = turnBytes(read.rows, taken.turn_from, 'tool.completed')
  await restFor(bytes)
  const events = read.rows.filter((row) => row.sequence >= taken.turn_from).map(loggedEvent)
  const last = events.at(-1)
  if (!last) throw new FencedError()
  await restFor(bytes)
  checkUnderstood(events)
  const imageBytes = imagesLength(events)
  const textBytes = resultBytes - imageBytes
  const log = logFrom(options, { ...read, clock, events, last, bytes, textBytes })
  const input = inputOf(taken, events)
  const current = options.ends ? noAgent : await agentNow(node, options, input)
  const begun = events.find((event) => begins(run, event))
  const started = begun?.type === 'turn.started' ? begun.data : undefined
  const schema = input?.controls?.output_schema ?? taken.agent_output_schema
  const now = { agent: current, schema: isSchema(schema) ? schema : undefined }
  const ofTurn = await agentOfTurn(node.db, run.orgId, { ...now, started })
  const facts = { taken, addedPrompt: addedPrompt(input), ...ofTurn, ...timesOf(log, begun) }
  const fetchBudget = node.fetchBudgets.openTurn(run.orgId)
  // Without room they are held all the same, but no more are added.
  fetchBudget.account.take(imageBytes)
  const limits = limitsOf(node, taken)
  const sessionTools = new Set([...taken.tools, ...(input?.tools ?? [])].map(({ name }) => name))
  return { node, lease, signal, fetchBudget, limits, sessionTools, ...facts, ...log }
}

/** Assembles the agent of a turn by the present definitions. */
async function agentNow(
  node: Node,
  { run, taken }: TurnOptions,
  input: ReturnType<typeof inputOf>,
): Promise<RuntimeAgent> {
  const uses = [...taken.agent_capabilities, ...taken.capabilities]
  const ofSession = clientToolsOf(taken.agent_tools, taken.tools)
  const clientTools = clientToolsOf(ofSession, input?.tools ?? [])
  const named = { uses, clientTools, fresh: true }
  const capabilities = await capabilitiesFor(node, run.orgId, named)
  return assemble(capabilities, {
    agentPrompt: sessionPrompt(taken),
    agentUses: taken.agent_capabilities,
    sessionUses: taken.capabilities,
    clientTools,
  })
}

/** The message that the turn answers first, whose settings hold for the turn. */
function inputOf({ turn_input }: TakenTurn, events: readonly StoredEvent[]) {
  for (const { type, data } of events) {
    if (type === 'input.message' && data.message.id === turn_input) return data.message
  }
  return undefined
}

const limitsOf = ({ config }: Node, taken: TakenTurn) =>
  effectiveLimits(
    config.TURN_ITERATIONS_MAX,
    {
      max_iterations: taken.agent_max_iterations,
      parallel_tool_calls: taken.agent_parallel_tool_calls,
      network_access: taken.agent_network_access,
    },
    taken,
  )

function timesOf(
  { run, state, events, clock }: TurnLog,
  begun: StoredEvent | undefined,
): Pick<TurnFacts, 'startedAt' | 'resumedAt'> {
  const at = (event: StoredEvent | undefined) => (event ? Date.parse(event.ts) : clock.database)
  // The event of its end is stored with the call for which there is room now.
  const resumed = state.blockedBy ? undefined : findResumingEvent(run.turnId, events)
  return { startedAt: at(begun), resumedAt: at(resumed) }
}

type OpenedLog = Pick<LogRead, 'conversation' | 'unchecked'> & {
  clock: TurnLog['clock']
  events: StoredEvent[]
  last: StoredEvent
  bytes: number
  /** Of results. */
  textBytes: number
}

function logFrom(
  { run, taken }: TurnOptions,
  { conversation, unchecked, clock, events, last, bytes, textBytes }: OpenedLog,
): TurnLog {
  const state = fold(run.turnId, taken.turn_input, events)
  return {
    run,
    state,
    events,
    conversation,
    clock,
    sequence: last.sequence,
    storedAt: last.ts,
    unchecked,
    drafts: [],
    effects: {},
    // A call without an outcome may have reservations of an earlier attempt.
    isReserved: state.phase.kind === 'reasoning',
    counted: undefined,
    granted: undefined,
    modelOfForms: undefined,
    forms: new Set(),
    resultRoom: resultRoom(textBytes),
    live: undefined,
    // The node that began a resumed turn has counted its message.
    uncounted: state.phase.kind === 'unbegun' && !state.input?.again ? bytes : 0,
    unlogged: undefined,
    sessionUsage: usageOf(taken),
    context: { sequence: taken.context_sequence, prompt: taken.context_prompt },
  }
}

const begins = ({ turnId }: TurnRun, { type, context }: LoggedEvent) =>
  type === 'turn.started' && context.turn_id === turnId

/** Bytes of messages or results: the appends of turns count those of their own events. */
const turnBytes = (rows: EventRow[], from: number, of: 'input.message' | 'tool.completed') =>
  rows
    .filter(({ sequence, type }) => sequence >= from && type === of)
    .reduce((sum, { data }) => sum + data.length, 0)

/** Every log begins with `session.started`, which a turn does not need. */
const sessionStartedSequence = 1

type LogRead = { conversation: Conversation; rows: EventRow[]; unchecked?: EventMark }

/**
 * Reads the conversation, and the events since its cached state: at least those of the turn. Cached
 * events are not read again; the turn's first append checks them. A turn that only ends has no
 * conversation.
 */
async function readOn(node: Node, options: TurnOptions): Promise<LogRead> {
  const { taken, input, recent, ends } = options
  const { sessionId } = options.run
  if (ends) {
    const rows = await readOutline(node.db, sessionId, { after: taken.turn_from - 1 })
    return { conversation: newConversation(sessionId), rows }
  }
  const kept = recent.take(sessionId)
  const known = kept && kept.sequence < taken.turn_from ? kept : undefined
  await restFor(input?.data.length ?? 0)
  if (input?.sequence === Math.max(known?.sequence ?? 0, sessionStartedSequence) + 1) {
    const conversation = known?.conversation ?? newConversation(sessionId)
    const unchecked = known && { sequence: known.sequence, ts: known.storedAt }
    return { ...added(conversation, [input]), ...(unchecked && { unchecked }) }
  }
  const later = known && (await rowsAfter(node, known, { sessionId, from: taken.turn_from }))
  if (later) return added(known.conversation, later)
  return readAll(node, options)
}

/** Reads the whole conversation. A long one waits for room in the memory of this node. */
async function readAll(
  { db }: Node,
  { run: { sessionId }, taken, signal, room }: TurnOptions,
): Promise<LogRead> {
  const log = await readShortLog(db, sessionId, taken.turn_from)
  if (!('estimate' in log)) return readIn(taken, sessionId, log)
  return room.open(log.estimate, signal, async () =>
    readIn(taken, sessionId, await readLog(db, sessionId, taken.turn_from)),
  )
}

/** `length`: of the conversation that the turn holds. */
function readIn({ turn_from, context_sequence }: TakenTurn, sessionId: string, log: ReadLog) {
  const rows = log.rows.filter(({ sequence }) => sequence >= turn_from)
  const conversation = conversationIn(sessionId, log)
  const length = conversation.length - leaveOutImages(conversation, context_sequence)
  return { conversation, rows, length }
}

function added(conversation: Conversation, rows: EventRow[]): LogRead {
  for (const row of rows) addToConversation(conversation, row)
  return { conversation, rows }
}

/**
 * Reads events after the cached ones; undefined when they are too long, or when the log lacks the
 * last of those after lost commits.
 */
async function rowsAfter(
  node: Node,
  { sequence, storedAt }: CachedConversation,
  { sessionId, from }: { sessionId: string; from: number },
): Promise<EventRow[] | undefined> {
  const read = await readLogFrom(node.db, sessionId, from, sequence)
  if (!read) return undefined
  const [last, ...rows] = read
  if (last?.sequence === sequence && last.ts === storedAt) return rows
  node.log.warn('reading a conversation again: the log lost cached events', {
    session: sessionId,
  })
  return undefined
}

const knownTypes = new Set<string>(eventTypes)
const knownShape = 2

/** Refuses event types that only a newer node supports. */
function checkUnderstood(events: LoggedEvent[]): void {
  for (const { type, context } of events) {
    if (!knownTypes.has(type))
      throw new NotUnderstoodError(`Event type ${type} needs a newer version.`)
    if ((context.v ?? 1) > knownShape) {
      throw new NotUnderstoodError(`${type} in shape ${context.v} needs a newer version.`)
    }
  }
}
