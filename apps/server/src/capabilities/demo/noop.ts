import { Type } from 'typebox'
import { defineCapability } from '../capability.ts'

const config = Type.Object(
  {
    note: Type.Optional(
      Type.String({ maxLength: 10_000, description: 'A text for the prompt. Without it: none.' }),
    ),
  },
  { additionalProperties: false },
)

export const noop = defineCapability({
  id: 'noop',
  name: 'No-Op',
  description:
    'Adds no tools, and no text but a note. For trying out how capabilities are chosen and stored.',
  category: 'Testing',
  icon: 'circle-off',
  status: 'available',
  config,
  sessionRules: { note: 'session' },
  prompt: ({ note }) => note,
})
