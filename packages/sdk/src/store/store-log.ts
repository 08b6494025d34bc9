import type { Event, EventDataOf, EventType } from '@outlast/contract'
import { TurnFailedError } from '../http/error.ts'
import { addEvent, emptyTranscript, unseenTypes } from '../turns/transcript.ts'
import { itemsOf, type Transcript, type TranscriptItem } from '../turns/transcript-items.ts'

/** The event that reports that a turn waits for a budget. */
export type BudgetNotice = EventDataOf<'budget.exhausted' | 'budget.paused'>

/** The state of a session store that events determine. */
export type FoldedState = {
  transcript: Transcript
  /** The budget that the running turn waits for. */
  budget: BudgetNotice | undefined
  /** The failure of the latest turn. */
  failure: TurnFailedError | undefined
}

const emptyState: FoldedState = {
  transcript: emptyTranscript,
  budget: undefined,
  failure: undefined,
}

type Change = Partial<Omit<FoldedState, 'transcript'>>

const neither: Change = { budget: undefined, failure: undefined }

/** Changes of an event besides those of the transcript. */
const changes: { [T in EventType]: ((event: Event<T>) => Change) | 'ignored' } = {
  'input.message': () => ({ failure: undefined }),
  'session.started': 'ignored',
  'session.activated': () => neither,
  'turn.started': 'ignored',
  'mcp.unavailable': 'ignored',
  'capability.unavailable': 'ignored',
  'reason.started': 'ignored',
  'context.compacting': 'ignored',
  'context.compacted': 'ignored',
  'output.message.started': 'ignored',
  'reason.thinking.started': 'ignored',
  'reason.thinking.delta': 'ignored',
  'reason.thinking.completed': 'ignored',
  'output.message.delta': 'ignored',
  'tool.input.delta': 'ignored',
  'llm.generation': 'ignored',
  'output.message.completed': 'ignored',
  'reason.completed': 'ignored',
  'act.started': 'ignored',
  'tool.approval_requested': 'ignored',
  'tool.approval_resolved': 'ignored',
  'tool.call_requested': 'ignored',
  'tool.input_resolved': 'ignored',
  'tool.started': 'ignored',
  'tool.completed': 'ignored',
  'tool.progress': 'ignored',
  'act.completed': 'ignored',
  'files.changed': 'ignored',
  'budget.warning': 'ignored',
  'budget.exhausted': ({ data: budget }) => (budget.is_final ? {} : { budget }),
  'budget.paused': ({ data: budget }) => ({ budget }),
  'budget.resumed': () => ({ budget: undefined }),
  'turn.completed': () => neither,
  'turn.failed': ({ data }) => {
    const { turn_id, error_code = 'turn_failed', error, output_errors } = data
    const failure = new TurnFailedError(turn_id, error_code, error, output_errors)
    return { budget: undefined, failure }
  },
  'turn.cancelled': () => neither,
  'session.idled': 'ignored',
  'feedback.given': 'ignored',
}

/** Types of events that a session store does not need. */
export const unusedTypes = unseenTypes.filter((type) => changes[type] === 'ignored')

/** Adds an event. Contract: pure. */
function addToState(state: FoldedState, event: Event): FoldedState {
  const transcript = addEvent(state.transcript, event)
  const change = changes[event.type] as ((event: Event) => Change) | 'ignored' | undefined
  return { ...state, transcript, ...(typeof change === 'function' && change(event)) }
}

/** Returns the items with those of `before` in place of equal ones, so that views skip them. */
function keepItems(transcript: Transcript, before: Transcript): Transcript {
  const known = new Map(itemsOf(before).map((item) => [item.key, item]))
  const keep = <T extends TranscriptItem>(item: T): T => {
    const old = known.get(item.key)
    return old && JSON.stringify(old) === JSON.stringify(item) ? (old as T) : item
  }
  const sections = transcript.sections.map((section) => section.map(keep))
  return { ...transcript, sections, waitingFor: transcript.waitingFor.map(keep) }
}

const isStored = ({ sequence }: Event) => sequence !== undefined

export type SessionLog = ReturnType<typeof createSessionLog>

/**
 * Creates a log: the events of a session from some message on, and the state that they fold to. It
 * holds the stored events that change the state, and the deltas of the message that streams.
 */
export function createSessionLog() {
  let events: Event[] = []
  let state = emptyState
  /** The last stored event of any type, also of those that are not held. */
  let last: Event | undefined
  const positionOf = (event: Event | undefined) => event?.sequence ?? 0

  function see(event: Event) {
    if (positionOf(event) > positionOf(last)) last = event
  }

  /** Replaces the events. Items that stay equal stay the same objects. */
  function replace(next: readonly Event[]) {
    const folded = next.reduce(addToState, emptyState)
    state = { ...folded, transcript: keepItems(folded.transcript, state.transcript) }
    events = [...next]
    events.forEach(see)
  }

  return {
    state: () => state,
    events: (): readonly Event[] => events,
    last: () => last,
    /** Marks a stored event, and those before it, as read. */
    see,
    /** Adds an event of the stream. Returns false for one that was added before. */
    add(event: Event): boolean {
      const { sequence, type } = event
      if (sequence !== undefined && sequence <= positionOf(last)) return false
      see(event)
      state = addToState(state, event)
      if (unusedTypes.includes(type)) return true
      if (type === 'output.message.completed' || type === 'session.idled') {
        events = events.filter(isStored)
      }
      events.push(event)
      return true
    },
    /** Adds stored events that come before the others. */
    prepend: (earlier: readonly Event[]) => replace([...earlier, ...events]),
    /** Drops the events after a sequence, and deltas. */
    cut(end: number) {
      if (positionOf(last) > end) last = undefined
      replace(events.filter(({ sequence = Infinity }) => sequence <= end))
    },
  }
}
