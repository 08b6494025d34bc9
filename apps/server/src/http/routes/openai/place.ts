import { integerMax } from '@outlast/contract'
import { ApiError } from '../../../errors.ts'

/** A response in the log: its turn's message, and its first event. */
export type ResponsePlace = { sessionId: string; message: number; start: number }

const hex = (value: number) => value.toString(16).padStart(8, '0')

/** Identifies a turn: its session, and the sequence of its message. */
export const turnPlace = ({ sessionId, message }: Omit<ResponsePlace, 'start'>) =>
  `${sessionId.slice(sessionId.indexOf('_') + 1)}${hex(message)}`

export const responseId = (place: ResponsePlace) => `resp_${turnPlace(place)}${hex(place.start)}`

const idPattern = /^resp_([0-9a-f]{32})([0-9a-f]{8})([0-9a-f]{8})$/

/** Contract: throws 404 for a text that is no id of a response. */
export function parseResponseId(text: string): ResponsePlace {
  const [, session, ...rest] = idPattern.exec(text) ?? []
  if (session === undefined) throw responseMissing()
  const [message = 0, start = 0] = rest.map((digits) => Number.parseInt(digits, 16))
  if (message < 1 || start < message || start > integerMax) throw responseMissing()
  return { sessionId: `session_${session}`, message, start }
}

export const responseMissing = () => new ApiError('not_found', 'Response')

const callPattern = /^(?:call|mcpr|fc)_([0-9a-f]{32})([0-9a-f]{8})_(.+)$/s

export type CallPlace = { sessionId: string; message: number; callId: string }

/** Reads an id that this API gave a call or an approval; undefined for another one. */
export function parseCallId(text: string): CallPlace | undefined {
  const [, session, digits = '', callId = ''] = callPattern.exec(text) ?? []
  const message = Number.parseInt(digits, 16)
  if (session === undefined || message > integerMax) return undefined
  return { sessionId: `session_${session}`, message, callId }
}

const conversationPrefix = 'conv_'

/** The id of a session as a conversation. */
export const conversationId = (sessionId: string) =>
  conversationPrefix + sessionId.slice(sessionId.indexOf('_') + 1)

/** The session of a conversation's id; undefined for another text, which is a key. */
export const sessionOf = (id: string) =>
  /^conv_[0-9a-f]{32}$/.test(id) ? `session_${id.slice(conversationPrefix.length)}` : undefined
