import { type Static, Type } from 'typebox'

export const SessionMatch = Type.Object(
  {
    sequence: Type.Integer({
      minimum: 1,
      description: '`sequence` of the event of the message or reply.',
    }),
    snippet: Type.Array(
      Type.Object({
        text: Type.String({ description: 'Part of the text.' }),
        is_match: Type.Boolean({ description: 'True for a word of `q`.' }),
      }),
      { description: 'The text around the first words of `q`, in parts.' },
    ),
  },
  {
    title: 'SessionMatch',
    description: 'A message or reply with words of a search.',
    examples: [
      {
        sequence: 2,
        snippet: [
          { text: 'I would like a ', is_match: false },
          { text: 'refund', is_match: true },
          { text: ' for order 4711.', is_match: false },
        ],
      },
    ],
  },
)
export type SessionMatch = Static<typeof SessionMatch>
