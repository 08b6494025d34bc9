import type { AiSdkMessagesQuery, Event } from '@outlast/contract'
import { ApiError } from '../../../errors.ts'
import { listEvents } from '../../adapters/session-events.ts'
import type { Chat } from './chats.ts'

const exchangesDefault = 50

/** Events of a page, and where the page before it ends. */
type EventsOfPage = { events: Event[]; before: number | null }

/** Length of the events of a page as JSON: a message can have 8 MiB. */
const lengthMax = 32 * 1024 * 1024

/**
 * Reads the events of the last exchanges. A page begins after an event with which the agent became
 * idle, so that it has whole turns. A long one has fewer exchanges than asked for.
 * Contract: throws 413 for one exchange that is longer than a page.
 */
export async function readMessages(
  chat: Chat,
  sessionId: string,
  { limit = exchangesDefault, before }: AiSdkMessagesQuery,
): Promise<EventsOfPage> {
  // `before` is itself the end of an exchange.
  const count = before === undefined ? limit + 1 : limit
  const ends = { types: 'session.idled', order_desc: true, limit: count }
  const upTo = before === undefined ? ends : { ...ends, before_sequence: before }
  const idled = await listEvents<'session.idled'>(chat.calls, sessionId, upTo)
  const after = idled.length === count ? idled.at(-1)!.sequence! : 0
  const page = openPage(after)
  await chat.read(sessionId, { exclude: ['llm.generation'], after }, (event, length) => {
    if (before !== undefined && event.sequence! > before) return true
    page.add({ event, length })
    return false
  })
  const { kept, cut } = page.end()
  return { events: kept.map(({ event }) => event), before: cut === 0 ? null : cut }
}

type Sized = { event: Event; length: number }

/** Keeps the last whole exchanges that fit. */
function openPage(after: number) {
  const kept: Sized[] = []
  let cut = after
  let total = 0
  /** The exchange that is read does not fit. */
  let isTooLong = false
  const drop = (count: number) => {
    for (const { length } of kept.splice(0, count)) total -= length
  }
  return {
    add(one: Sized) {
      const isEnd = one.event.type === 'session.idled'
      if (!isTooLong) {
        kept.push(one)
        total += one.length
      }
      while (total > lengthMax) {
        const end = kept.findIndex(({ event }) => event.type === 'session.idled')
        if (end >= 0) cut = kept[end]!.event.sequence!
        else isTooLong = true
        drop(end >= 0 ? end + 1 : kept.length)
      }
      if (!isTooLong || !isEnd) return
      cut = one.event.sequence!
      isTooLong = false
    },
    end() {
      const isLost = kept.length === 0 && cut > after
      if (isTooLong || isLost) throw new ApiError('exchange_too_large', String(lengthMax))
      return { kept, cut }
    },
  }
}
