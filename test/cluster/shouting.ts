import { Type } from 'typebox'
import { defineCapability, defineTool } from '../../apps/server/src/capabilities/capability.ts'

/** A capability that only some nodes of a test have. */
export const shouting = (description = 'Shouts.', policy: 'auto' | 'requires_approval' = 'auto') =>
  defineCapability({
    id: 'shouting',
    name: 'Shouting',
    description: 'Shouts.',
    category: 'Testing',
    icon: 'megaphone',
    status: 'available',
    tools: () => [
      defineTool({
        name: 'shout',
        description,
        replay: 'safe',
        policy,
        input: Type.Object({ text: Type.String() }),
        run: async ({ text }) => ({ shouted: text.toUpperCase() }),
      }),
    ],
  })
