import type { Event } from '@outlast/contract'
import { logOf, textOf } from './audit-log.ts'
import type { Followed, SessionEvidence } from './evidence.ts'

type Delta = Event<'output.message.delta' | 'reason.thinking.delta'>

const eventsOf = ({ seen }: Followed) => seen.map(({ json }) => JSON.parse(json) as Event)

/** Over all of its connections a follower got every stored event once, in order, as it stands in the log. */
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

/** The running message as a client puts it together. */
type Running = { text: string; thinking: string; touched: boolean }

const nothing = (): Running => ({ text: '', thinking: '', touched: false })

/**
 * A client that puts deltas together has the final text when the message is complete, whatever connections and
 * nodes they came over. `output.message.started` begins anew. A client that saw no delta at all has nothing to say.
 */
export function textsThatDiffer(session: SessionEvidence): string[] {
  return session.followed.flatMap((followed) => {
    const wrong: string[] = []
    let running = nothing()
    for (const event of eventsOf(followed)) {
      if (event.type === 'output.message.started') running = nothing()
      if (isDelta(event)) wrong.push(...addDelta(running, event))
      if (event.type === 'output.message.completed') {
        wrong.push(...compare(running, event))
        running = nothing()
      }
    }
    return wrong.map((what) => `${followed.name}: ${what}`)
  })
}

const isDelta = (event: Event): event is Delta => event.type.endsWith('.delta')

function addDelta(running: Running, { type, data }: Delta): string[] {
  const kind = type === 'output.message.delta' ? 'text' : 'thinking'
  running[kind] += data.delta
  running.touched = true
  if (data.accumulated === undefined || data.accumulated === running[kind]) return []
  return [`deltas make ${quote(running[kind])}, accumulated is ${quote(data.accumulated)}`]
}

function compare(running: Running, event: Event<'output.message.completed'>): string[] {
  if (!running.touched) return []
  const { message } = event.data
  const wanted = { text: textOf(message), thinking: message.thinking ?? '' }
  return (['text', 'thinking'] as const)
    .filter((kind) => running[kind] !== wanted[kind])
    .map(
      (kind) =>
        `${kind} of ${event.sequence} was streamed as ${quote(running[kind])}, it is ${quote(wanted[kind])}`,
    )
}

const quote = (text: string) => JSON.stringify(text.length > 200 ? `…${text.slice(-200)}` : text)
