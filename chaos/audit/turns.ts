import type { Event } from '@outlast/contract'
import type { Posted, SessionEvidence } from '../evidence.ts'
import { logOf, ofType, textOf } from './log.ts'

const ends = ['turn.completed', 'turn.failed', 'turn.cancelled'] as const
type End = Event<(typeof ends)[number]>

/** The events of one turn in a log. */
type TurnInLog = {
  id: string
  input: string | undefined
  starts: Event[]
  ends: End[]
  /** Sequence of the message that began it, and of the last request to a model. */
  from: number
  asked: number
}

/** Returns the turns of a log, by id. */
function turnsOf(events: readonly Event[]): TurnInLog[] {
  const named = events.filter(({ context }) => context.turn_id !== undefined)
  const inputs = new Map(
    ofType(events, 'input.message').map(({ data, sequence }) => [data.message.id, sequence]),
  )
  return [...Map.groupBy(named, ({ context }) => context.turn_id!)].map(([id, own]) => {
    const input = own.find(({ context }) => context.input_message_id)?.context.input_message_id
    return {
      id,
      input,
      starts: own.filter(({ type }) => type === 'turn.started'),
      ends: own.filter((event): event is End => ends.some((type) => type === event.type)),
      from: inputs.get(input ?? '') ?? own[0]!.sequence!,
      asked: own.findLast(({ type }) => type === 'output.message.started')?.sequence ?? 0,
    }
  })
}

export function unendedTurns(session: SessionEvidence): string[] {
  return turnsOf(logOf(session)).flatMap((turn) => {
    const wrong: string[] = []
    const kinds = turn.ends.map(({ type }) => type).join(', ')
    if (turn.ends.length !== 1) wrong.push(`has ${turn.ends.length} ends: ${kinds || 'none'}`)
    if (turn.starts.length > 1) wrong.push(`started ${turn.starts.length} times`)
    if (turn.starts.length === 0 && turn.ends[0]?.type === 'turn.completed')
      wrong.push('completed without having started')
    return wrong.map((what) => `${turn.id} ${what}`)
  })
}

const accepted = ({ posted }: SessionEvidence) => posted.filter(({ status }) => status === 201)

export function lostMessages(session: SessionEvidence): string[] {
  const inputs = ofType(logOf(session), 'input.message')
  const wrong = session.posted.flatMap((post) => {
    const found = inputs.filter(({ data }) => textOf(data.message).startsWith(`${post.marker} `))
    const wanted = post.status === 201 ? 1 : 0
    return found.length === wanted
      ? []
      : [`message ${post.marker}, answered with ${post.status}, stands ${found.length} times`]
  })
  const extra = inputs.length - accepted(session).length
  return extra > 0 ? [...wrong, `the log contains ${extra} messages that no client posted`] : wrong
}

export function changedMessages(session: SessionEvidence): string[] {
  const inputs = new Map(ofType(logOf(session), 'input.message').map((e) => [e.sequence, e]))
  return accepted(session).flatMap(({ marker, id, sequence }) => {
    const event = inputs.get(sequence)
    if (event?.data.message.id === id && textOf(event!.data.message).startsWith(`${marker} `))
      return []
    return [`message ${marker} was accepted as ${id} at ${sequence}; another message is there`]
  })
}

/** Returns the ids of the messages that each turn newly sent to a model. */
function givenMessages(events: readonly Event[]) {
  return ofType(events, 'llm.generation').flatMap(({ data, context }) =>
    data.messages.map(({ id }) => ({ id, turn: context.turn_id })),
  )
}

/**
 * A message is answered when a model received it in a turn that ended. It ended with a reason in
 * two cases: the turn that it began or joined was cancelled, or failed after a model call with it.
 */
export function unansweredMessages(session: SessionEvidence): string[] {
  const events = logOf(session)
  const turns = turnsOf(events)
  const given = Map.groupBy(givenMessages(events), ({ id }) => id)
  const ended = new Set(turns.filter((turn) => turn.ends.length > 0).map(({ id }) => id))
  return ofType(events, 'input.message').flatMap(({ data, sequence }) => {
    const { id } = data.message
    const isSeen = given.get(id)?.some(({ turn }) => turn !== undefined && ended.has(turn))
    if (isSeen || turns.some((turn) => endedFor(turn, { id, sequence: sequence! }))) return []
    return [`message ${id} (sequence ${sequence}) was neither answered nor ended with a reason`]
  })
}

function endedFor(turn: TurnInLog, input: { id: string; sequence: number }): boolean {
  const [end] = turn.ends
  if (!end || end.type === 'turn.completed') return false
  if (turn.input === input.id) return true
  const until = end.type === 'turn.failed' ? turn.asked : end.sequence!
  return turn.from < input.sequence && input.sequence < until
}

export function doubleAnswers(session: SessionEvidence): string[] {
  const events = logOf(session)
  const inputs = new Set(ofType(events, 'input.message').map(({ data }) => data.message.id))
  const given = givenMessages(events).filter(({ id }) => inputs.has(id))
  const twice = [...Map.groupBy(given, ({ id }) => id)].filter(([, times]) => times.length > 1)
  const byInput = Map.groupBy(
    turnsOf(events).filter(({ input }) => input !== undefined),
    ({ input }) => input!,
  )
  const turnsTwice = [...byInput].filter(([, turns]) => turns.length > 1)
  return [
    ...twice.map(([id, times]) => `message ${id} was newly given to a model ${times.length} times`),
    ...turnsTwice.map(([id, turns]) => `message ${id} has ${turns.length} turns of its own`),
  ]
}

const ownTurn = ({ onBusy }: Posted) => onBusy === 'queue' || onBusy === 'interrupt'

/** Such a message begins a turn, unless it ended with one; no earlier turn sends it to a model. */
export function sharedTurns(session: SessionEvidence): string[] {
  const events = logOf(session)
  const turns = new Map(turnsOf(events).map((turn) => [turn.id, turn]))
  const owners = new Set([...turns.values()].map(({ input }) => input))
  const given = givenMessages(events)
  return accepted(session)
    .filter(ownTurn)
    .flatMap(({ id, onBusy, marker, sequence = 0 }) => {
      const told = given
        .filter((one) => one.id === id)
        .map(({ turn }) => turns.get(turn ?? '')!)
        // When its own turn ended without a reply, it is history for a later one.
        .filter((turn) => !owners.has(id) || turn.from < sequence)
      return told.map((turn) => `message ${marker} (${onBusy}) was answered by ${turn.id}`)
    })
}

export function missingCancels(session: SessionEvidence): string[] {
  const events = ofType(logOf(session), 'turn.cancelled')
  const interrupting = session.posted.filter(({ onBusy }) => onBusy === 'interrupt').length
  const { cancelled } = session
  if (events.length < cancelled)
    return [`${cancelled} cancels were confirmed, the log has ${events.length}`]
  if (events.length > cancelled + interrupting)
    return [`the log has ${events.length} cancels, only ${cancelled + interrupting} were asked for`]
  return []
}

/** Nothing may follow a recorded reply under the same message id. */
export function askedAgain(session: SessionEvidence): string[] {
  const done = new Set<string>()
  return logOf(session).flatMap((event) => {
    if (event.type === 'output.message.started') {
      const id = event.data.message_id ?? ''
      return done.has(id) ? [`${id} was asked for again at ${event.sequence}`] : []
    }
    if (event.type !== 'output.message.completed') return []
    const { id } = event.data.message
    const again = done.has(id)
    done.add(id)
    return again ? [`${id} was completed again at ${event.sequence}`] : []
  })
}

/**
 * Each requested call has one start and one outcome. Exceptions: it has no outcome if its turn
 * failed, and no start if its turn was cancelled before it.
 */
export function unevenCalls(session: SessionEvidence): string[] {
  const events = logOf(session)
  const failed = new Set(ofType(events, 'turn.failed').map(({ data }) => data.turn_id))
  const cancelled = new Set(ofType(events, 'turn.cancelled').map(({ data }) => data.turn_id))
  const started = Map.groupBy(ofType(events, 'tool.started'), ({ data }) => data.tool_call.id)
  const completed = Map.groupBy(ofType(events, 'tool.completed'), ({ data }) => data.tool_call_id)
  const unknown = [...completed].filter(([id, [end, ...others]]) => {
    const isCancelled =
      end!.data.status === 'cancelled' && cancelled.has(end!.context.turn_id ?? '')
    return !started.has(id) && !(isCancelled && others.length === 0)
  })
  const uneven = [...started].flatMap(([id, starts]) => {
    const count = completed.get(id)?.length ?? 0
    const isLeft = count === 0 && failed.has(starts[0]!.context.turn_id ?? '')
    if (starts.length === 1 && (count === 1 || isLeft)) return []
    return [`call ${id} was started ${starts.length} times and has ${count} outcomes`]
  })
  return [...unknown.map(([id]) => `call ${id} has an outcome and no start`), ...uneven]
}
