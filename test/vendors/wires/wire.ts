/** Contents of the wires of all providers, in neutral terms. */

/**
 * A part of a model's output, in order. `signature`: the value that later requests must send back.
 */
export type Piece =
  | { thinking: string; signature?: string }
  | { redacted: string }
  | { text: string; signature?: string }
  | CallPiece
export type CallPiece = { call: string; name: string; input: object; signature?: string }

/** Tokens; `input` is all of them, cache writes and reads included. */
export type Counted = { input: number; output: number; cacheRead?: number; cacheWrite?: number }

export type VendorReply = {
  id: string
  pieces: Piece[]
  usage: Counted
  /** The output limit was reached. */
  cutShort?: boolean
}

/** A provider's request, as JSON. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into requests of every shape
export type Body = any

/**
 * The wire format of one type of provider, written by hand from the provider's documentation, so
 * that the bytes do not come from the SDK that reads them.
 */
export type Wire = {
  /** The path after the host in a base URL. */
  path: string
  /** A model's name that is in the bundled catalogue. */
  model: string
  /** A reply in this provider's own form, with all of its signatures. */
  signed: Piece[]
  /** The same for a model or a provider that must not receive the signatures. */
  unsigned: Piece[]
  /** The bytes of a streamed reply. */
  write: (reply: VendorReply) => string
  /** The model's own earlier output in a request. */
  said: (body: Body) => Piece[]
  /** The calls that the request has results of, in their order. */
  results: (body: Body) => string[]
  /** The content of the newest user message, in the provider's form. */
  newest: (body: Body) => unknown[]
}

/** Server-sent events, with names where the provider sends them. */
export const framesOf = (events: object[], named: boolean) =>
  events
    .map((event) => {
      const name = named ? `event: ${(event as { type: string }).type}\n` : ''
      return `${name}data: ${JSON.stringify(event)}\n\n`
    })
    .join('')

/** A text in pieces, as it would be streamed. */
export const slices = (text: string) => text.match(/.{1,7}/gsu) ?? []

export const isCall = (piece: Piece): piece is CallPiece => 'call' in piece
