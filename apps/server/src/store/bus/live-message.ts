export type LiveKind = 'output.message.delta' | 'reason.thinking.delta'

/** Minimum interval between updates of a growing message. */
export const livePauseMs = 50

/** Text of one kind, as it was published. */
export type Piece = { kind: LiveKind; text: string }

/** The message that a model is writing: the parts published so far, in order of arrival. */
export type LiveMessage = {
  /** The sequence of its `output.message.started`. */
  readonly sequence: number
  readonly turnId: string
  /** The context that its deltas carry, as JSON. */
  readonly context: string
  readonly pieces: Piece[]
  /** All text of a kind. */
  readonly texts: Record<LiveKind, string>
  /** UTF-16 units in all pieces. */
  length: number
}

export type LiveMessageAbout = Pick<LiveMessage, 'sequence' | 'turnId' | 'context'>

export const newLiveMessage = ({ sequence, turnId, context }: LiveMessageAbout): LiveMessage => ({
  sequence,
  turnId,
  context,
  pieces: [],
  texts: { 'output.message.delta': '', 'reason.thinking.delta': '' },
  length: 0,
})

export const piecesLength = (pieces: readonly Piece[]) =>
  pieces.reduce((sum, { text }) => sum + text.length, 0)

/**
 * Appends the part of `pieces` (which begin at `offset`) that a message lacks. False if earlier
 * text is missing.
 */
export function extend(message: LiveMessage, offset: number, pieces: readonly Piece[]): boolean {
  if (offset > message.length) return false
  let known = message.length - offset
  for (const { kind, text } of pieces) {
    const rest = text.slice(known)
    known = Math.max(0, known - text.length)
    if (rest === '') continue
    message.pieces.push({ kind, text: rest })
    message.texts[kind] += rest
    message.length += rest.length
  }
  return true
}

/** Consecutive text of one kind in a message. */
export type Run = {
  kind: LiveKind
  text: string
  /** UTF-16 units of the message up to its end. */
  end: number
  /** Pieces of the message up to its end. */
  count: number
}

/** Returns the text of a message after `offset` in as few runs as its kinds allow. */
export function textAfter({ pieces, length }: LiveMessage, offset: number): Run[] {
  let index = pieces.length
  let begin = length
  while (index > 0 && begin > offset) {
    index -= 1
    begin -= pieces[index]!.text.length
  }
  const runs: Run[] = []
  for (; index < pieces.length; index += 1) {
    const { kind, text } = pieces[index]!
    const rest = text.slice(Math.max(0, offset - begin))
    begin += text.length
    const open = runs.at(-1)
    if (open?.kind !== kind) runs.push({ kind, text: rest, end: begin, count: index + 1 })
    else Object.assign(open, { text: open.text + rest, end: begin, count: index + 1 })
  }
  return runs
}

/** Returns all text of the run's kind up to the run's end. Cheap at the end of the message. */
export function accumulated({ pieces, texts }: LiveMessage, { kind, count }: Run): string {
  const isLast = pieces.slice(count).every((piece) => piece.kind !== kind)
  if (isLast) return texts[kind]
  const before = pieces.slice(0, count).filter((piece) => piece.kind === kind)
  return before.map(({ text }) => text).join('')
}
