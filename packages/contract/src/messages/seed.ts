import { type Static, Type } from 'typebox'
import { described, oneOf } from '../core/shape.ts'
import { ContentPart } from './message.ts'

export const SeedMessage = Type.Object(
  {
    role: described(
      oneOf('user', 'agent', 'tool_result'),
      '`user`: text and images. `agent`: text and tool calls. `tool_result`: the results of the calls of the message before it.',
    ),
    content: Type.Array(ContentPart, {
      minItems: 1,
      maxItems: 1000,
      description: 'Parts of the message, in order: 1 to 1,000.',
    }),
  },
  {
    title: 'SeedMessage',
    description: 'An earlier message, which a new session begins with.',
    examples: [{ role: 'user', content: [{ type: 'text', text: 'Where is my order?' }] }],
  },
)
export type SeedMessage = Static<typeof SeedMessage>
