/** What the wires of all vendors can say, in words of none of them. */

/** A part of a model's output, in order. `signature`: what the vendor needs back with it. */
export type Piece =
  | { thinking: string; signature?: string }
  | { redacted: string }
  | { text: string; signature?: string }
  | CallPiece
export type CallPiece = { call: string; name: string; input: object; signature?: string }

/** Tokens; `input` is all of them, those from and for the cache too. */
export type Counted = { input: number; output: number; cacheRead?: number; cacheWrite?: number }

export type VendorReply = {
  id: string
  pieces: Piece[]
  usage: Counted
  /** It had no more room. */
  cutShort?: boolean
}

/** A vendor's request, as JSON. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into requests of every shape
export type Body = any

/**
 * How one type of provider talks, written by hand after the vendor's documentation, so that the
 * bytes do not come from the SDK that reads them.
 */
export type Wire = {
  /** Behind the host in a base URL. */
  path: string
  /** A model's name that our catalogue knows. */
  model: string
  /** A reply as only this vendor's models give it, with all that it signs. */
  signed: Piece[]
  /** The same for a model or a vendor that must not see the signatures. */
  unsigned: Piece[]
  /** The bytes of a streamed reply. */
  write: (reply: VendorReply) => string
  /** What a request says that the model has said. */
  said: (body: Body) => Piece[]
  /** The calls that the request has results of, in their order. */
  results: (body: Body) => string[]
  /** What stands in the newest message of the user, in the vendor's form. */
  newest: (body: Body) => unknown[]
}

/** Server-sent events, with names where the vendor gives them. */
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
