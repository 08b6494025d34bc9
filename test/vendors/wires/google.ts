import { type Body, framesOf, type Piece, slices, type Wire } from './wire.ts'

/** The signature that Gemini accepts for calls that it did not sign. */
const unsigned = { signature: 'skip_thought_signature_validator' }

/** Gemini. Of parallel calls only the first is signed; the signature at the end has no text. */
export const google: Wire = {
  path: '/v1beta',
  model: 'gemini-3-flash-preview',
  signed: [
    { thinking: 'Two sums, it seems.' },
    { text: 'Let me see.' },
    { call: 'fc_1', name: 'multiply', input: { a: 6, b: 7 }, signature: 'c2lnbmVkLTE=' },
    { call: 'fc_2', name: 'add', input: { a: 1, b: 2 } },
    { text: '', signature: 'c2lnbmVkLTI=' },
  ],
  unsigned: [
    { text: 'Let me see.' },
    { call: 'fc_1', name: 'multiply', input: { a: 6, b: 7 }, ...unsigned },
    { call: 'fc_2', name: 'add', input: { a: 1, b: 2 }, ...unsigned },
  ],
  write({ id, pieces, usage: { input, output, cacheRead = 0 }, cutShort }) {
    const usageMetadata = {
      promptTokenCount: input,
      candidatesTokenCount: output,
      totalTokenCount: input + output,
      cachedContentTokenCount: cacheRead,
    }
    const chunk = (parts: object[], more: object = {}) => ({
      candidates: [{ index: 0, content: { role: 'model', parts }, ...more }],
      usageMetadata,
      modelVersion: 'gemini',
      responseId: id,
    })
    const finishReason = cutShort ? 'MAX_TOKENS' : 'STOP'
    const parts = pieces.flatMap(partsOf).map((part) => chunk([part]))
    return framesOf([...parts, chunk([{ text: '' }], { finishReason })], false)
  },
  said: ({ contents }) =>
    contents
      .filter(({ role }: Body) => role === 'model')
      .flatMap(({ parts }: Body) => parts.map(pieceOf)),
  results: ({ contents }) =>
    contents
      .flatMap(({ parts }: Body) => parts)
      .filter(({ functionResponse }: Body) => functionResponse)
      .map(({ functionResponse }: Body) => functionResponse.id),
  newest: ({ contents }) => contents.findLast(({ role }: Body) => role === 'user').parts,
}

function partsOf(piece: Piece): object[] {
  if ('redacted' in piece) throw new Error('no such piece')
  const { signature } = piece
  const signed = signature !== undefined && { thoughtSignature: signature }
  if ('thinking' in piece) return slices(piece.thinking).map((text) => ({ text, thought: true }))
  if ('text' in piece) {
    const words = piece.text === '' ? [''] : slices(piece.text)
    return words.map((text) => ({ text, ...signed }))
  }
  const { call: id, name, input: args } = piece
  return [{ functionCall: { id, name, args }, ...signed }]
}

function pieceOf({ text, thought, functionCall, thoughtSignature }: Body): Piece {
  const signed = thoughtSignature !== undefined && { signature: thoughtSignature }
  if (thought) return { thinking: text, ...signed }
  if (text !== undefined) return { text, ...signed }
  const { id, name, args } = functionCall
  return { call: id, name, input: args, ...signed }
}
