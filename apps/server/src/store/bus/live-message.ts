/** Kinds of text in a reply. */
type TextKind = 'output.message.delta' | 'reason.thinking.delta'
export type LiveKind = TextKind | 'tool.input.delta'

/** The call whose arguments are written. */
export type LiveCall = { id: string; name: string }

/** Minimum interval between updates of a growing message. */
export const livePauseMs = 50

/** Text of one kind, as it was published. `call`: for arguments. */
export type Piece = { kind: LiveKind; text: string; call?: LiveCall }

/** Tests whether two pieces are parts of one text. */
export const isSameText = (a: Omit<Piece, 'text'> | undefined, b: Omit<Piece, 'text'>) =>
  a !== undefined && a.kind === b.kind && a.call?.id === b.call?.id

/** The message that a model is writing: the parts published so far, in order of arrival. */
export type LiveMessage = {
  /** The sequence of its `output.message.started`. */
  readonly sequence: number
  readonly turnId: string
  /** The context that its deltas carry, as JSON. */
  readonly context: string
  readonly pieces: Piece[]
  /** All text of a kind. Arguments of calls are only in `pieces`. */
  readonly texts: Record<TextKind, string>
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
  for (const piece of pieces) {
    const { kind, text } = piece
    const rest = text.slice(known)
    known = Math.max(0, known - text.length)
    if (rest === '') continue
    message.pieces.push({ ...piece, text: rest })
    if (kind !== 'tool.input.delta') message.texts[kind] += rest
    message.length += rest.length
  }
  return true
}

/** Consecutive text of one kind in a message. */
export type Run = Piece & {
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
    const piece = pieces[index]!
    const rest = piece.text.slice(Math.max(0, offset - begin))
    begin += piece.text.length
    const open = runs.at(-1)
    const reached = { end: begin, count: index + 1 }
    if (open && isSameText(open, piece)) Object.assign(open, { text: open.text + rest, ...reached })
    else runs.push({ ...piece, text: rest, ...reached })
  }
  return runs
}

/** Returns how many of the first `offset` units of a message are arguments of calls. */
export const inputLengthBefore = (message: LiveMessage, offset: number) =>
  piecesLength(inputsBefore(message, offset))

/** Returns the arguments in the first `offset` units of a message, by call in order of begin. */
export function inputsBefore({ pieces }: LiveMessage, offset: number): Piece[] {
  const inputs = new Map<string | undefined, Piece>()
  let begin = 0
  for (const piece of pieces) {
    const text = piece.text.slice(0, Math.max(0, offset - begin))
    begin += piece.text.length
    if (piece.kind !== 'tool.input.delta') continue
    const known = inputs.get(piece.call?.id)
    if (known) known.text += text
    else inputs.set(piece.call?.id, { ...piece, text })
  }
  return [...inputs.values()]
}

/**
 * Returns all text of the run's kind up to the run's end, except for arguments. Cheap at the end of
 * the message.
 */
export function accumulated({ pieces, texts }: LiveMessage, { kind, count }: Run) {
  if (kind === 'tool.input.delta') return undefined
  const isLast = pieces.slice(count).every((piece) => piece.kind !== kind)
  if (isLast) return texts[kind]
  const before = pieces.slice(0, count).filter((piece) => piece.kind === kind)
  return before.map(({ text }) => text).join('')
}
