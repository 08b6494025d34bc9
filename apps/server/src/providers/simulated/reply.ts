/** How fast a reply comes. What is absent takes no time at all. */
export type Pace = {
  /** Before the first token. */
  delayMs?: number
  tokensPerSecond?: number
}

export type ReplyUsage = {
  input_tokens?: number
  output_tokens?: number
  cache_read_tokens?: number
  cache_creation_tokens?: number
}

/** How a reply goes wrong. Without `status` it is the connection that breaks. */
export type Fault = {
  message: string
  status?: number
  /** How much of the text still arrives. Absent: the call itself fails. */
  afterCharacters?: number
}

export type ReplyCall = { name: string; input: Record<string, unknown>; id?: string }

/** What a simulated model has made up its mind to answer. */
export type SimulatedReply = Pace & {
  thinking?: string
  text?: string
  toolCalls?: ReplyCall[]
  /** Characters of one delta. Absent: a word. */
  chunk?: number
  fault?: Fault
  usage?: ReplyUsage
}
