/** The attempt may not append: the turn was cancelled or taken over. */
export class FencedError extends Error {
  override name = 'FencedError'
}

/** This node is stopping, and another one resumes the turn. */
export class HandoverError extends Error {
  override name = 'HandoverError'
}

/** The log or the agent needs a newer version of the server, which can resume the turn. */
export class NotUnderstoodError extends Error {
  override name = 'NotUnderstoodError'
}

/** This node has no room for the conversation of the turn, which another one may have. */
export class NoRoomError extends Error {
  override name = 'NoRoomError'
}

/** The database cannot store the events of the turn: their values are invalid for it. */
export class UnstorableError extends Error {
  override name = 'UnstorableError'

  constructor(cause: unknown) {
    super(`The database refused the events: ${(cause as Error).message}`, { cause })
  }
}
