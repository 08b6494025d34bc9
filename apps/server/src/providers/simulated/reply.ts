/** The speed of a reply. Absent fields add no delay. */
export type Pace = {
  /** Delay before the first token, in ms. */
  delayMs?: number
  tokensPerSecond?: number
}

export type ReplyUsage = {
  input_tokens?: number
  output_tokens?: number
  cache_read_tokens?: number
  cache_creation_tokens?: number
}

/** A simulated failure. Without `status` the connection breaks. */
export type Fault = {
  message: string
  status?: number
  /** Length of the text before the failure. Absent: the call itself fails. */
  afterCharacters?: number
}

export type ReplyCall = { name: string; input: Record<string, unknown>; id?: string }

/** The reply that a simulated model streams. */
export type SimulatedReply = Pace & {
  thinking?: string
  text?: string
  toolCalls?: ReplyCall[]
  /** Characters per delta. Absent: one word. */
  chunk?: number
  fault?: Fault
  usage?: ReplyUsage
}
