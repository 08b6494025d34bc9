import { type Body, framesOf, type Piece, slices, type Wire } from './wire.ts'

const calls: Piece[] = [
  { call: 'call_a', name: 'multiply', input: { a: 6, b: 7 } },
  { call: 'call_b', name: 'add', input: { a: 1, b: 2 } },
]

/** OpenAI's Responses, which Azure uses too. Not all of its thinking has a summary. */
export const responses: Omit<Wire, 'path' | 'model'> = {
  signed: [
    { thinking: 'Two sums, it seems.', signature: 'gAAAA-encrypted-1' },
    { text: 'Let me see.' },
    { thinking: '', signature: 'gAAAA-encrypted-2' },
    ...calls,
  ],
  unsigned: [{ text: 'Let me see.' }, ...calls],
  write({ id, pieces, usage: { input, output, cacheRead = 0 }, cutShort }) {
    const usage = {
      input_tokens: input,
      input_tokens_details: { cached_tokens: cacheRead },
      output_tokens: output,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: input + output,
    }
    const response = { id, object: 'response', created_at: 1_700_000_000, model: 'gpt', output: [] }
    const reason = cutShort ? { reason: 'max_output_tokens' } : null
    const type = cutShort ? 'response.incomplete' : 'response.completed'
    const end = { ...response, incomplete_details: reason, usage }
    return framesOf(
      [
        { type: 'response.created', response },
        ...pieces.flatMap((piece, index) => itemOf(piece, index, id)),
        { type, response: end },
      ],
      true,
    )
  },
  said: ({ input }) => input.flatMap(piecesOf),
  results: ({ input }) =>
    input
      .filter(({ type }: Body) => type === 'function_call_output')
      .map(({ call_id }: Body) => call_id),
  newest: ({ input }) => input.findLast(({ role }: Body) => role === 'user').content,
}

function itemOf(piece: Piece, output_index: number, response: string): object[] {
  const item_id = `item_${output_index}_of_${response}`
  const [start, deltas, end] = partsOf(piece, item_id)
  return [
    { type: 'response.output_item.added', output_index, item: { id: item_id, ...start } },
    ...deltas.map((delta) => ({ ...delta, item_id, output_index })),
    { type: 'response.output_item.done', output_index, item: { id: item_id, ...start, ...end } },
  ]
}

function partsOf(piece: Piece, id: string): [start: object, deltas: object[], end: object] {
  if ('thinking' in piece) return thoughtsOf(piece.thinking, piece.signature)
  if ('text' in piece) {
    const about = { type: 'response.output_text.delta', content_index: 0 }
    const words = slices(piece.text).map((delta) => ({ ...about, delta }))
    const content = [{ type: 'output_text', text: piece.text, annotations: [] }]
    return [
      { type: 'message', role: 'assistant', status: 'in_progress', content: [] },
      words,
      { status: 'completed', content },
    ]
  }
  if ('redacted' in piece) throw new Error(`no such piece: ${id}`)
  const type = 'response.function_call_arguments.delta'
  const text = JSON.stringify(piece.input)
  return [
    { type: 'function_call', call_id: piece.call, name: piece.name, arguments: '' },
    slices(text).map((delta) => ({ type, delta })),
    { arguments: text, status: 'completed' },
  ]
}

function thoughtsOf(text: string, encrypted_content: string | undefined) {
  const summary_index = 0
  const words = slices(text).map((delta) => ({
    type: 'response.reasoning_summary_text.delta',
    summary_index,
    delta,
  }))
  const part = { type: 'summary_text', text }
  const start = { type: 'reasoning', summary: [], encrypted_content: 'not-yet-whole' }
  if (text === '') return [start, [], { encrypted_content }] as [object, object[], object]
  const deltas = [
    { type: 'response.reasoning_summary_part.added', summary_index, part: { ...part, text: '' } },
    ...words,
    { type: 'response.reasoning_summary_part.done', summary_index, part },
  ]
  return [start, deltas, { summary: [part], encrypted_content }] as [object, object[], object]
}

function piecesOf(item: Body): Piece[] {
  if (item.type === 'reasoning') {
    const thinking = item.summary.map(({ text }: Body) => text).join('')
    return [{ thinking, signature: item.encrypted_content }]
  }
  if (item.role === 'assistant') return textsOf(item.content)
  if (item.type !== 'function_call') return []
  return [{ call: item.call_id, name: item.name, input: JSON.parse(item.arguments) }]
}

const textsOf = (content: Body): Piece[] =>
  typeof content === 'string' ? [{ text: content }] : content.map(({ text }: Body) => ({ text }))
