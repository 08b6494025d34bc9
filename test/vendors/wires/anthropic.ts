import { type Body, framesOf, isCall, type Piece, slices, type Wire } from './wire.ts'

const calls: Piece[] = [
  { call: 'toolu_1', name: 'multiply', input: { a: 6, b: 7 } },
  { call: 'toolu_2', name: 'add', input: { a: 1, b: 2 } },
]

/** Anthropic's Messages API. */
export const anthropic: Wire = {
  path: '/v1',
  model: 'claude-haiku-4-5',
  signed: [
    { thinking: 'Two sums, it seems.', signature: 'c2lnbmVkLTE=' },
    { redacted: 'b3BhcXVl' },
    { text: 'Let me see.' },
    { thinking: 'Both at once.', signature: 'c2lnbmVkLTI=' },
    ...calls,
  ],
  unsigned: [{ text: 'Let me see.' }, ...calls],
  write({ id, pieces, usage: { input, output, cacheRead = 0, cacheWrite = 0 }, cutShort }) {
    const stop = pieces.some(isCall) ? 'tool_use' : cutShort ? 'max_tokens' : 'end_turn'
    const usage = {
      input_tokens: input - cacheRead - cacheWrite,
      output_tokens: 1,
      cache_read_input_tokens: cacheRead,
      cache_creation_input_tokens: cacheWrite,
    }
    const about = { type: 'message', role: 'assistant', model: 'claude', content: [], usage }
    return framesOf(
      [
        { type: 'message_start', message: { id, ...about, stop_reason: null } },
        { type: 'ping' },
        ...pieces.flatMap(blockOf),
        {
          type: 'message_delta',
          delta: { stop_reason: stop, stop_sequence: null },
          usage: { output_tokens: output },
        },
        { type: 'message_stop' },
      ],
      true,
    )
  },
  said: ({ messages }) =>
    messages
      .filter(({ role }: Body) => role === 'assistant')
      .flatMap(({ content }: Body) => content.map(pieceOf)),
  results: ({ messages }) =>
    messages
      .flatMap(({ content }: Body) => content)
      .filter(({ type }: Body) => type === 'tool_result')
      .map(({ tool_use_id }: Body) => tool_use_id),
  newest: ({ messages }) =>
    messages
      .findLast(({ role }: Body) => role === 'user')
      .content.map(({ cache_control, ...part }: Body) => part),
}

function blockOf(piece: Piece, index: number): object[] {
  const [block, deltas] = partsOf(piece)
  return [
    { type: 'content_block_start', index, content_block: block },
    ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index },
  ]
}

function partsOf(piece: Piece): [block: object, deltas: object[]] {
  if ('thinking' in piece) {
    const thoughts = slices(piece.thinking).map((thinking) => ({
      type: 'thinking_delta',
      thinking,
    }))
    const signature = { type: 'signature_delta', signature: piece.signature }
    return [{ type: 'thinking', thinking: '', signature: '' }, [...thoughts, signature]]
  }
  if ('redacted' in piece) return [{ type: 'redacted_thinking', data: piece.redacted }, []]
  if ('text' in piece) {
    const words = slices(piece.text).map((text) => ({ type: 'text_delta', text }))
    return [{ type: 'text', text: '' }, words]
  }
  const input = slices(JSON.stringify(piece.input))
  return [
    { type: 'tool_use', id: piece.call, name: piece.name, input: {} },
    input.map((partial_json) => ({ type: 'input_json_delta', partial_json })),
  ]
}

function pieceOf({ type, thinking, signature, data, text, id, name, input }: Body): Piece {
  if (type === 'thinking') return { thinking, signature }
  if (type === 'redacted_thinking') return { redacted: data }
  return type === 'text' ? { text } : { call: id, name, input }
}
