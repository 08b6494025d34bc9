import {
  type Body,
  type CallPiece,
  framesOf,
  isCall,
  type Piece,
  slices,
  type Wire,
} from './wire.ts'

/** OpenAI's Chat Completions. Its signatures are those of Gemini's compatible server. */
export const completions: Wire = {
  path: '/v1',
  model: 'gemini-3-flash-preview',
  signed: [
    { text: 'Let me see.' },
    { call: 'call_1', name: 'multiply', input: { a: 6, b: 7 }, signature: 'c2lnbmVkLTE=' },
    { call: 'call_2', name: 'add', input: { a: 1, b: 2 } },
  ],
  unsigned: [
    { text: 'Let me see.' },
    { call: 'call_1', name: 'multiply', input: { a: 6, b: 7 } },
    { call: 'call_2', name: 'add', input: { a: 1, b: 2 } },
  ],
  write({ id, pieces, usage: { input, output, cacheRead = 0 }, cutShort }) {
    const about = { id, object: 'chat.completion.chunk', created: 1_700_000_000, model: 'm' }
    const chunk = (delta: object, finish_reason: string | null = null) => ({
      ...about,
      choices: [{ index: 0, delta, finish_reason }],
    })
    const finish = pieces.some(isCall) ? 'tool_calls' : cutShort ? 'length' : 'stop'
    const usage = {
      prompt_tokens: input,
      completion_tokens: output,
      total_tokens: input + output,
      prompt_tokens_details: { cached_tokens: cacheRead },
    }
    const calls = pieces.filter(isCall)
    const deltas = pieces.flatMap((piece) => deltasOf(piece, calls.indexOf(piece as CallPiece)))
    const chunks = [
      chunk({ role: 'assistant', content: '' }),
      ...deltas.map((delta) => chunk(delta)),
      chunk({}, finish),
      { ...about, choices: [], usage },
    ]
    return `${framesOf(chunks, false)}data: [DONE]\n\n`
  },
  said: ({ messages }) =>
    messages.filter(({ role }: Body) => role === 'assistant').flatMap(piecesOf),
  results: ({ messages }) =>
    messages
      .filter(({ role }: Body) => role === 'tool')
      .map(({ tool_call_id }: Body) => tool_call_id),
  newest({ messages }) {
    const { content } = messages.findLast(({ role }: Body) => role === 'user')
    return typeof content === 'string' ? [{ type: 'text', text: content }] : content
  },
}

function deltasOf(piece: Piece, index: number): object[] {
  if ('redacted' in piece) throw new Error('no such piece')
  if ('thinking' in piece) {
    return slices(piece.thinking).map((reasoning_content) => ({ reasoning_content }))
  }
  if ('text' in piece) return slices(piece.text).map((content) => ({ content }))
  const { call: id, name, input, signature } = piece
  const [first = '', ...rest] = slices(JSON.stringify(input))
  const signed = signature && { extra_content: { google: { thought_signature: signature } } }
  const begun = { index, id, type: 'function', function: { name, arguments: first }, ...signed }
  const more = rest.map((text) => ({ tool_calls: [{ index, function: { arguments: text } }] }))
  return [{ tool_calls: [begun] }, ...more]
}

function piecesOf({ content, reasoning_content, tool_calls = [] }: Body): Piece[] {
  return [
    ...(reasoning_content ? [{ thinking: reasoning_content }] : []),
    ...(content ? [{ text: content }] : []),
    ...tool_calls.map(({ id: call, function: { name, arguments: text }, extra_content }: Body) => {
      const signature = extra_content?.google?.thought_signature
      return { call, name, input: JSON.parse(text), ...(signature && { signature }) }
    }),
  ]
}
