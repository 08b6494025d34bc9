import type { ContentPart } from '@outlast/contract'
import type { Db } from '../../store/database.ts'
import { readPage } from '../../store/log/events.ts'
import { contentLengthMax, type StoredEvent } from '../log/spans.ts'
import { loggedEvent } from './journal.ts'

const eventsAtOnce = 1_000

/** Reads a log from an event on in pages, with the beginnings of long texts that a trace has. */
export async function readForTrace(
  db: Db,
  sessionId: string,
  from: number,
): Promise<StoredEvent[]> {
  const events: StoredEvent[] = []
  for (let after = from - 1; ; ) {
    const { rows, more } = await readPage(db, sessionId, { after, limit: eventsAtOnce })
    for (const row of rows) events.push(withShortParts(loggedEvent(row)))
    if (!more) return events
    after = rows.at(-1)!.sequence
  }
}

function withShortParts(event: StoredEvent): StoredEvent {
  if (event.type === 'tool.completed' && event.data.result) {
    return { ...event, data: { ...event.data, result: event.data.result.map(shortPart) } }
  }
  if (event.type !== 'input.message') return event
  const { message } = event.data
  const content = message.content.map(shortPart)
  return { ...event, data: { ...event.data, message: { ...message, content } } }
}

function shortPart<P extends ContentPart>(part: P): P {
  const field = part.type === 'image' ? 'base64' : 'text'
  const text = (part as Partial<Record<typeof field, string | null>>)[field]
  if (text == null || text.length <= contentLengthMax) return part
  // A slice would hold the whole text.
  const beginning = Buffer.from(text.slice(0, contentLengthMax)).toString()
  return { ...part, [field]: beginning }
}
