/** Ids of the events of a stream, with which a client resumes at any of them. */
import { type AgUiEvent, type AgUiParts, noParts } from '@outlast/contract/folds/ag-ui'
import { ApiError } from '../../../errors.ts'

/** The last event that a client has received. */
export type AgUiPlace = {
  /** Id of the event of the log; undefined for the beginning of the run. */
  eventId: string | undefined
  /** Number of the event among those of the event of the log. */
  slot: number
  /** Parts that the client has of the message that is written. */
  parts: AgUiParts
}

const start = 'start'
const form =
  /^(start|event_[0-9a-f]{32}):(\d{1,6})(?:\.([bmRer]?)([sTt]?)((?:,[^,]{1,3000}){0,256}))?$/
const reasoningLetters = {
  none: '',
  begun: 'b',
  empty: 'm',
  open: 'R',
  ending: 'e',
  closed: 'r',
} as const
const textLetters = { none: '', begun: 's', open: 'T', closed: 't' } as const

export const placeId = ({ eventId = start, slot, parts }: AgUiPlace): string =>
  `${eventId}:${slot}${suffixOf(parts)}`

/** A letter for reasoning and text, and the open calls with the length of their arguments. */
function suffixOf({ reasoning, text, calls }: AgUiParts): string {
  const names = [...calls].map(([id, { name, sent }]) => {
    const length = typeof sent === 'string' ? sent.length : sent
    return `,${encode(id)}=${encode(name)}=${length}`
  })
  const suffix = reasoningLetters[reasoning] + textLetters[text] + names.join('')
  return suffix === '' ? '' : `.${suffix}`
}

const encode = (text: string) => encodeURIComponent(text.toWellFormed())

/** Contract: throws 400 for text that is no such id. */
export function parsePlace(id: string): AgUiPlace {
  const found = form.exec(id)
  if (!found) throw new ApiError('unknown_event_id')
  const [, event, slot, reasoning = '', text = '', calls = ''] = found
  return {
    eventId: event === start ? undefined : event,
    slot: Number(slot),
    parts: {
      reasoning: nameOf(reasoningLetters, reasoning),
      text: nameOf(textLetters, text),
      calls: new Map(calls.split(',').slice(1).map(callOf)),
    },
  }
}

const nameOf = <T extends string>(letters: Record<T, string>, letter: string) =>
  Object.entries(letters).find(([, one]) => one === letter)![0] as T

function callOf(text: string) {
  const [id = '', name = '', length] = text.split('=')
  try {
    // Of arguments that were not sent at all the text is known.
    const sent = Number(length) || ''
    return [decodeURIComponent(id), { name: decodeURIComponent(name), sent }] as const
  } catch {
    throw new ApiError('unknown_event_id')
  }
}

/** Parts that a client has after one more event. */
export function partsAfter(parts: AgUiParts, event: AgUiEvent): AgUiParts {
  switch (event.type) {
    case 'REASONING_START':
      return { ...parts, reasoning: 'begun' }
    case 'REASONING_MESSAGE_START':
      return { ...parts, reasoning: 'empty' }
    case 'REASONING_MESSAGE_CONTENT':
      return { ...parts, reasoning: 'open' }
    case 'REASONING_MESSAGE_END':
      return { ...parts, reasoning: 'ending' }
    case 'REASONING_END':
      return { ...parts, reasoning: 'closed' }
    case 'TEXT_MESSAGE_START':
      return { ...parts, text: 'begun' }
    case 'TEXT_MESSAGE_CONTENT':
      return { ...parts, text: 'open' }
    case 'TEXT_MESSAGE_END':
      return { ...parts, text: 'closed' }
    case 'TOOL_CALL_START':
      return withCall(parts, event.toolCallId, event.toolCallName, 0)
    case 'TOOL_CALL_ARGS': {
      const { name = '', sent = 0 } = parts.calls.get(event.toolCallId) ?? {}
      const before = typeof sent === 'string' ? sent.length : sent
      return withCall(parts, event.toolCallId, name, before + event.delta.length)
    }
    case 'TOOL_CALL_END': {
      const calls = new Map(parts.calls)
      calls.delete(event.toolCallId)
      return { ...parts, calls }
    }
    case 'MESSAGES_SNAPSHOT':
      return noParts
    default:
      return parts
  }
}

const withCall = (parts: AgUiParts, id: string, name: string, sent: number): AgUiParts => ({
  ...parts,
  calls: new Map(parts.calls).set(id, { name, sent }),
})
