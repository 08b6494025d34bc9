/** This attempt may not append any more: the turn was cancelled, or another node has it. */
export class FencedError extends Error {
  override name = 'FencedError'
}

/** This node leaves, and another goes on with the turn. */
export class HandoverError extends Error {
  override name = 'HandoverError'
}

/** The log or the agent has what only a newer version supports, which can resume the turn. */
export class NotUnderstoodError extends Error {
  override name = 'NotUnderstoodError'
}

/** The database can never take what the turn decided on: the values are wrong for it. */
export class UnstorableError extends Error {
  override name = 'UnstorableError'

  constructor(cause: unknown) {
    super(`The database refuses the events: ${(cause as Error).message}`, { cause })
  }
}
