import type { ModelRequest } from './chat-wire.ts'

/** A model that runs in the process of a test, for `startTestServer`. */
export type TestModel = {
  /** The requests to the model, in order. */
  readonly requests: readonly ModelRequest[]
  /** Used by `startTestServer`. */
  readonly wire: TestModelWire
}

export type TestModelWire = {
  providerType: 'openai_completions' | 'anthropic'
  /** The vendor's name of the model. */
  modelName: string
  /** Begins to listen; returns the base URL. */
  open: () => Promise<string>
  close: () => void
  /** The server ended without warning: it may repeat requests whose replies it has lost. */
  interrupted: () => void
  /** Why the model refused a request for good; undefined while it has not. */
  problem: () => string | undefined
}
