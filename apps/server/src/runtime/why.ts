import type { ToolCall, Why, Workflow } from '@outlast/contract'
import { type TurnStep, turnStepsOf } from '@outlast/sdk/turn-steps'
import { turnSettingsOf } from '../capabilities/turns/turn-settings.ts'
import type { Db } from '../store/database.ts'
import type { EventRow } from '../store/log/events.ts'
import { findTurnInput } from '../store/turns/turn-inputs.ts'
import { readOutline } from '../store/turns/turn-outline.ts'
import { findFacts, findOmittedImages, type SessionFacts } from '../store/turns/workflows.ts'
import { loggedEvent } from './journal/journal.ts'
import { leaseMs } from './lease.ts'

/** Age of a renewal, in ms, after which a node cannot reach the database or is suspended. */
const silentMs = 1_000

/**
 * Explains the current state of a session from the tables and its log. `unnamed` omits the ids of
 * nodes and capabilities.
 * Contract: undefined without the session.
 */
export async function explainSession(
  db: Db,
  { orgId, sessionId, unnamed = false }: { orgId: string; sessionId: string; unnamed?: boolean },
): Promise<Why | undefined> {
  const facts = await findFacts(db, orgId, sessionId, leaseMs)
  if (!facts) return undefined
  const isOpen = facts.turn_id !== null && !unnamed
  const input = isOpen ? await findTurnInput(db, orgId, sessionId) : undefined
  const turn_settings = turnSettingsOf(input) ?? null
  const { turn_id, turn_from: from } = facts
  const isTaken = turn_id !== null && facts.node !== null
  const rows = isTaken ? await readOutline(db, sessionId, { after: from - 1 }) : []
  const omitted_images = await findOmittedImages(db, sessionId)
  if (!unnamed) return { ...explainFacts(facts, rows), omitted_images, turn_settings }
  const shown = rows.filter(({ type }) => type !== 'capability.unavailable')
  return { ...explainFacts(withoutNames(facts), shown), omitted_images }
}

/** Hides the ids of nodes and capabilities, but not that a node has the turn. */
const withoutNames = (facts: SessionFacts): SessionFacts => ({
  ...facts,
  node: facts.node && '',
  failed_on: null,
  missing_capabilities: null,
})

/** Omitted fields have no value. */
type Explanation = Partial<Why> & Pick<Why, 'state' | 'since'> & { what: string }

/** Contract: pure. `rows`: the outline of the log from the turn's first message on. */
export function explainFacts(facts: SessionFacts, rows: readonly EventRow[]): Why {
  const { session_id, turn_id, node } = facts
  if (turn_id === null) return told(session_id, ofIdle(facts))
  return told(session_id, { turn_id, node, ...ofTurn(facts, rows) })
}

function told(session_id: string, { what, node: given, ...said }: Explanation): Why {
  const node = given || null
  return {
    session_id,
    turn_id: null,
    model: null,
    attempt: null,
    tools: [],
    missing_capabilities: [],
    omitted_images: [],
    until: null,
    ahead: null,
    error: null,
    error_code: null,
    budget_id: null,
    turn_settings: null,
    ...said,
    node,
    sentence: `${what}, since ${said.since}${node ? ` on ${node}` : ''}.`,
  }
}

/** Explains a permanently failed turn, independent of the current state of its session. */
export function explainFailure(failed: Workflow): Why {
  const { session_id, turn_id, since, node, error, error_code, retried_as } = failed
  const again = retried_as === null ? '' : ` and was retried as ${retried_as}`
  const what = `It failed permanently with ${error_code}${again}`
  return told(session_id, { state: 'failed', since, what, turn_id, node, error, error_code })
}

function ofIdle(facts: SessionFacts): Explanation {
  const { failed_turn, error, error_code, finished_at, started_at, created_at } = facts
  const since = finished_at ?? facts.updated_at
  if (started_at === null) {
    return { state: 'idle', since: created_at, what: 'It has had no message yet' }
  }
  if (failed_turn === null)
    return { state: 'idle', since, what: 'It is idle and waits for a message' }
  const what = `It is idle: its last turn failed permanently with ${error_code}`
  return {
    state: 'failed',
    since,
    what,
    turn_id: failed_turn,
    node: facts.failed_on,
    error,
    error_code,
  }
}

function ofTurn(facts: SessionFacts, rows: readonly EventRow[]): Explanation {
  const { node, placed_at: since, waiting_for: waiting } = facts
  if (facts.turn_cancelled) {
    const what = 'Its turn was cancelled, and its running work is being ended'
    return { state: 'cancelling', since: facts.updated_at, what }
  }
  if (since === null) return waiting ? ofWait(waiting) : between(facts.updated_at)
  if (node === null) return ofQueue(facts, since)
  return ofSilence(facts) ?? ofNode(facts, rows)
}

const between = (since: string): Explanation => ({
  state: 'between_steps',
  since,
  what: 'It is between two steps',
})

const waitStates = {
  tool_results: 'waits_for_client',
  input: 'waits_for_input',
  approval: 'waits_for_approval',
  budget: 'waits_for_budget',
} as const

type Waiting = NonNullable<SessionFacts['waiting_for']>

function ofBudget({ since, budget_id, resets_at }: Waiting): Explanation {
  const until = resets_at ?? null
  const orReset = until ? `, at the latest until ${until}` : ''
  const what = `It waits until the budget ${budget_id} has more${orReset}`
  return { state: 'waits_for_budget', since, until, budget_id: budget_id ?? null, what }
}

function ofWait(waiting: Waiting): Explanation {
  const { type, since, calls } = waiting
  if (type === 'budget') return ofBudget(waiting)
  const of = (type: string) =>
    calls.filter((call) => call.type === type).map(({ tool_name }) => tool_name)
  const [client, person, asked] = [of('tool_results'), of('approval'), of('input')]
  const [until = null] = calls.map(({ expires_at }) => expires_at).sort()
  const answers = [
    ...(client.length > 0 ? [`for the client to run ${listOf(client)}`] : []),
    ...(person.length > 0 ? [`for a person to decide on ${listOf(person)}`] : []),
    ...(asked.length > 0 ? [`for a person to answer ${listOf(asked)}`] : []),
  ]
  return {
    state: waitStates[type],
    since,
    until,
    tools: [...client, ...person, ...asked],
    what: `It waits until ${until} ${answers.join(' and ')}`,
  }
}

const listOf = (names: readonly string[]) =>
  names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`

function ofQueue(facts: SessionFacts, since: string): Explanation {
  const { ahead, taking, missing_capabilities: missing, refused_until: until } = facts
  const before = ahead ?? 0
  if (missing && until && msBetween(facts.now, until) > 0) {
    const what = `It waits at most until ${until} for a node with ${capabilitiesOf(missing)}`
    return { state: 'queued', since, ahead: before, until, missing_capabilities: missing, what }
  }
  const turns = before === 1 ? '1 turn is' : `${before || 'no'} turns are`
  const what =
    taking === 0
      ? 'It waits for a node: no node is taking turns'
      : `It waits for a slot, and ${turns} ahead of it`
  return { state: 'queued', since, ahead: before, what }
}

/** Undefined while the node's lease is fresh. */
function ofSilence({ renewed_at, now, living, placed_at }: SessionFacts): Explanation | undefined {
  const since = renewed_at ?? placed_at!
  const silence = renewed_at === null ? Number.POSITIVE_INFINITY : msBetween(renewed_at, now)
  if (silence < silentMs) return undefined
  if (silence >= leaseMs && living > 0) {
    const what = 'Its node is lost, and another node is about to take over its turn'
    return { state: 'node_gone', since, what }
  }
  const unreachableBy = silence < leaseMs ? 'its node cannot reach' : 'no node can reach'
  const what = `It waits for the database, which ${unreachableBy}`
  return { state: 'waits_for_database', since, what }
}

const msBetween = (from: string, to: string) => Date.parse(to) - Date.parse(from)

function ofNode(facts: SessionFacts, rows: readonly EventRow[]): Explanation {
  const turns = turnStepsOf(rows.map(loggedEvent))
  const turn = turns.find(({ turnId }) => turnId === facts.turn_id)
  if (!turn) return { state: 'starting', since: facts.placed_at!, what: 'Its turn is starting' }
  const { steps } = turn
  const step =
    ofSummary(steps) ?? ofTools(steps) ?? ofModel(facts, steps) ?? between(rows.at(-1)!.ts)
  const missing = missingOf(facts, rows)
  if (missing.length === 0) return step
  const what = `${step.what}, without ${capabilitiesOf(missing)}`
  return { ...step, missing_capabilities: missing, what }
}

/** Capabilities that a turn runs without because no node has them. */
const missingOf = ({ turn_id }: SessionFacts, rows: readonly EventRow[]) =>
  rows.map(loggedEvent).flatMap(({ type, data, context }) => {
    const isMissing = type === 'capability.unavailable' && data.reason === 'missing'
    return isMissing && context.turn_id === turn_id ? [data.capability_id] : []
  })

const capabilitiesOf = (refs: readonly string[]) =>
  `the ${refs.length === 1 ? 'capability' : 'capabilities'} ${listOf(refs)}`

type Steps = readonly TurnStep[]

const latestBegin = <T extends Pick<TurnStep, 'attempts'>>({ attempts }: T) =>
  attempts.at(-1)!.began as T['attempts'][number]['began']

/** A failed summary has no end event: the next requested or failed reply ends it. */
function ofSummary(steps: Steps): Explanation | undefined {
  const summary = steps.findLast((step) => step.kind === 'summary' && !step.ended)
  if (!summary) return undefined
  const { ts: since, sequence } = latestBegin(summary)
  const replies = steps.filter((step) => step.kind === 'model')
  const isOver = replies.some((step) => (step.ended ?? latestBegin(step)).sequence! > sequence!)
  const what = 'It is summarizing the conversation, which is too long for the model'
  return isOver ? undefined : { state: 'compacts', since, what }
}

function ofTools(steps: Steps): Explanation | undefined {
  const begun = steps.filter((step) => step.kind === 'tool' || step.kind === 'client_tool')
  const approvals = steps.filter((step) => step.kind === 'approval')
  const approved = approvals.filter(
    ({ ended, call }) =>
      ended?.data.decision === 'approved' && !begun.some((step) => step.call.id === call.id),
  )
  const open = begun.filter(
    ({ ended, attempts }) => !ended && attempts.at(-1)!.broke !== 'question',
  )
  const questions = steps.filter((step) => step.kind === 'question' && !step.ended)
  const runs = [...approved, ...open.filter(({ kind }) => kind === 'tool')]
  const [first] = runs.map((step) => (step.ended ?? latestBegin(step)).ts).sort()
  if (first === undefined) return undefined
  const others = [
    ...approvals.filter(({ ended }) => !ended),
    ...open.filter(({ kind }) => kind === 'client_tool'),
    ...questions.flatMap((step) => ('call' in step ? [step] : [])),
  ]
  const also = others.length > 0 ? ` and waits for answers to ${listOf(namesOf(others))}` : ''
  const what = `It runs ${listOf(namesOf(runs))}${also}`
  return { state: 'runs_tools', since: first, tools: namesOf(runs), what }
}

const namesOf = (steps: readonly { call: ToolCall }[]) => steps.map(({ call }) => call.name)

function ofModel(facts: SessionFacts, steps: Steps): Explanation | undefined {
  const step = steps.find((step) => step.kind === 'model' && !step.ended)
  if (step?.kind !== 'model') return undefined
  const { ts: asked, data } = latestBegin(step)
  const { pause_since: since, pause_until: until, pause_code: code } = facts
  const { model = null, attempt = 1 } = data
  const name = model ? `the model ${model}` : 'a model'
  if (since !== null && msBetween(asked, since) >= 0) {
    const what = `It waits until ${until} to retry ${name}, which failed with ${code}`
    return { model, attempt, state: 'waits_for_retry', since, until, error_code: code, what }
  }
  const what = `It calls ${name}${attempt > 1 ? ` (attempt ${attempt})` : ''}`
  return { model, attempt, state: 'calls_model', since: asked, what }
}
