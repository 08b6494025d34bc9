import type { EventContext, EventDataOf, ToolCall } from '@outlast/contract'
import type { Progress } from '../../capabilities/capability.ts'
import type { NewEvent } from '../../store/log/log-sql.ts'
import { publishEvents } from '../../store/log/publish.ts'
import { appendToTurn } from '../../store/turns/turn-appends.ts'
import { lastOf, type Turn } from '../journal/attempt.ts'

const pauseMs = 1_000
const eventsMax = 100
const messageLengthMax = 500

export type ProgressLog = {
  tell: (progress: Progress) => void
  /** Stops publishing and waits for pending writes. Never throws. */
  settle: () => Promise<void>
}

/**
 * Records the progress of a call: the first report at once, then the latest every second. Events
 * are fenced by the attempt and stored apart from its drafts; an event that cannot be stored is
 * dropped.
 */
export function openProgress(turn: Turn, call: ToolCall, context: EventContext): ProgressLog {
  let isOpen = true
  let isStale = false
  let count = 0
  let last = Number.NEGATIVE_INFINITY
  let waiting: EventDataOf<'tool.progress'> | undefined
  let timer: NodeJS.Timeout | undefined
  let writing = Promise.resolve()

  function write() {
    timer = undefined
    const data = waiting
    if (!data || isStale || count >= eventsMax) return
    waiting = undefined
    count += 1
    timer = setTimeout(write, pauseMs)
    writing = writing.then(async () => {
      isStale ||= !(await store(turn, context, data))
    })
  }

  return {
    tell({ progress, total, message }) {
      if (!isOpen || !Number.isFinite(progress) || progress <= last) return
      last = progress
      waiting = {
        tool_call_id: call.id,
        tool_name: call.name,
        progress,
        ...(Number.isFinite(total) && { total: total! }),
        ...(message && { message: message.slice(0, messageLengthMax).toWellFormed() }),
      }
      if (timer === undefined) write()
    },
    async settle() {
      isOpen = false
      clearTimeout(timer)
      await writing
    },
  }
}

/** Stores a progress event. False when the turn is not this attempt's any more. */
async function store(turn: Turn, context: EventContext, data: object): Promise<boolean> {
  const { node, run } = turn
  const event: NewEvent = {
    type: 'tool.progress',
    context: JSON.stringify(context),
    data: JSON.stringify(data),
  }
  try {
    const what = { after: lastOf(turn), events: [event], bytes: event.data.length }
    const stored = await appendToTurn(node.db, run, what)
    // A repeated append of this attempt has given it another number.
    if (!stored) return turn.run !== run
    const { sequence, ts } = stored
    publishEvents(node.bus, run, { first: sequence, ts, events: [event] })
  } catch (error) {
    node.log.debug('could not store the progress of a call', { error })
  }
  return true
}
