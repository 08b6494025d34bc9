import { Type } from 'typebox'
import { defineCapability, demoCategory } from '../capability.ts'

const config = Type.Object(
  {
    note: Type.Optional(
      Type.String({
        maxLength: 10_000,
        description: 'Text for the system prompt, up to 10000 characters; by default none.',
      }),
    ),
  },
  { additionalProperties: false },
)

export const noop = defineCapability({
  id: 'noop',
  name: 'No-Op',
  description:
    'Adds no tools and no text except a note. For testing how capabilities are selected and stored.',
  category: demoCategory,
  icon: 'circle-off',
  status: 'available',
  config,
  sessionRules: { note: 'session' },
  prompt: ({ note }) => note,
})
