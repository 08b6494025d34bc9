import type { Event } from '@outlast/contract'
import type { FaultDone, Followed, SessionEvidence } from '../evidence.ts'
import type { Effect } from '../ledger.ts'
import { logOf, ofType, textOf } from './log.ts'

type Delta = Event<'output.message.delta' | 'reason.thinking.delta'>

const eventsOf = ({ seen }: Followed) => seen.map(({ json }) => JSON.parse(json) as Event)

/** Over all of its connections a follower got every stored event once, in order, unchanged. */
export function gapsInFollowing(session: SessionEvidence): string[] {
  const log = logOf(session)
  return session.followed.flatMap((followed) => {
    const stored = followed.seen.filter(({ json }) => isStored(json))
    const at = log.findIndex((event, index) => stored[index]?.json !== JSON.stringify(event))
    const { name } = followed
    if (at !== -1) return [`${name} saw ${about(stored[at]?.json)} where ${at + 1} belongs`]
    if (stored.length === log.length) return []
    return [`${name} saw ${stored.length} events, the log has ${log.length}`]
  })
}

const isStored = (json: string) => (JSON.parse(json) as Event).sequence !== undefined

function about(json: string | undefined): string {
  if (json === undefined) return 'nothing'
  const { sequence, type } = JSON.parse(json) as Event
  return `${type} (${sequence})`
}

/** The running message as a client assembles it; `since`: its start. */
type Running = { text: string; thinking: string; touched: boolean; since: number }

const nothing = (since: number): Running => ({ text: '', thinking: '', touched: false, since })

/**
 * A client that assembles deltas has the final text when the message is complete, over any
 * connections and nodes. `output.message.started` resets the text. A client without a delta is not
 * checked. If a turn was cancelled during a fault of its node, the followers or the log may lack
 * the end. Then one text must be the beginning of the other.
 */
export function textsThatDiffer(
  session: SessionEvidence,
  _effects: readonly Effect[],
  faults: readonly FaultDone[],
): string[] {
  const cancelled = new Set(
    ofType(logOf(session), 'turn.cancelled').map(({ data }) => data.turn_id),
  )
  const mayBeCut = ({ context, ts }: Event, { since }: Running) =>
    cancelled.has(context.turn_id ?? '') &&
    faults.some(({ at, endedAt }) => at <= Date.parse(ts) && since <= endedAt)
  return session.followed.flatMap((followed) => {
    const wrong: string[] = []
    let running = nothing(0)
    for (const event of eventsOf(followed)) {
      if (event.type === 'output.message.started') running = nothing(Date.parse(event.ts))
      if (isDelta(event)) wrong.push(...addDelta(running, event))
      if (event.type === 'output.message.completed') {
        wrong.push(...compare(running, event, mayBeCut(event, running) ? areOneText : areEqual))
        running = nothing(0)
      }
    }
    return wrong.map((what) => `${followed.name}: ${what}`)
  })
}

const isDelta = (event: Event): event is Delta =>
  event.type === 'output.message.delta' || event.type === 'reason.thinking.delta'

function addDelta(running: Running, { type, data }: Delta): string[] {
  const kind = type === 'output.message.delta' ? 'text' : 'thinking'
  running[kind] += data.delta
  running.touched = true
  if (data.accumulated === undefined || data.accumulated === running[kind]) return []
  return [`deltas make ${quote(running[kind])}, accumulated is ${quote(data.accumulated)}`]
}

type Fits = (streamed: string, final: string) => boolean

const areEqual: Fits = (streamed, final) => streamed === final
const areOneText: Fits = (streamed, final) =>
  streamed.startsWith(final) || final.startsWith(streamed)

function compare(running: Running, event: Event<'output.message.completed'>, fits: Fits): string[] {
  if (!running.touched) return []
  const { message } = event.data
  const wanted = { text: textOf(message), thinking: message.thinking ?? '' }
  return (['text', 'thinking'] as const)
    .filter((kind) => !fits(running[kind], wanted[kind]))
    .map(
      (kind) =>
        `${kind} of ${event.sequence} was streamed as ${quote(running[kind])}, it is ${quote(wanted[kind])}`,
    )
}

const quote = (text: string) => JSON.stringify(text.length > 200 ? `…${text.slice(-200)}` : text)
