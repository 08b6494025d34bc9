import { type Static, Type } from 'typebox'
import { HarnessId, harnessId, Timestamp } from '../core/id.ts'
import { described, listParameters, oneOf, pageOf } from '../core/shape.ts'
import { CapabilityUse } from './capability.ts'

export const Harness = Type.Object(
  {
    id: HarnessId,
    name: Type.String({ description: 'Always `base`.' }),
    display_name: Type.String({ description: 'Name to show.' }),
    description: Type.String({ description: 'Purpose of the harness, for people.' }),
    status: described(oneOf('active', 'archived', 'deleted'), 'Always `active`.'),
    is_built_in: Type.Boolean({ description: 'Always true: it cannot be changed.' }),
    capabilities: Type.Array(CapabilityUse, { description: 'Always empty.' }),
    tags: Type.Array(Type.String(), { description: 'Always empty.' }),
    created_at: described(Timestamp, 'A fixed time.'),
    updated_at: described(Timestamp, 'A fixed time.'),
  },
  {
    title: 'Harness',
    description: 'The harness of all agents and sessions, for published clients that read one.',
    examples: [
      {
        id: harnessId,
        name: 'base',
        display_name: 'Base',
        description: 'The built-in harness. It adds nothing to an agent.',
        status: 'active',
        is_built_in: true,
        capabilities: [],
        tags: [],
        created_at: '2026-01-01T00:00:00.000Z',
        updated_at: '2026-01-01T00:00:00.000Z',
      },
    ],
  },
)
export type Harness = Static<typeof Harness>
export const HarnessPage = pageOf(Harness, 'HarnessPage')

export const HarnessQuery = Type.Object({
  ...listParameters,
  search: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'Only harnesses whose names or description contain this text, in any case.',
    }),
  ),
  include_archived: Type.Optional(
    Type.Boolean({ description: 'No harness is archived, so it has no effect. Default: false.' }),
  ),
})
export type HarnessQuery = Static<typeof HarnessQuery>

export const HarnessExamples = Type.Array(
  Type.Object(
    {
      name: Type.String({ description: 'Name of the example.' }),
      display_name: Type.String({ description: 'Name to show.' }),
      description: Type.String({ description: 'Purpose of the example.' }),
      tags: Type.Array(Type.String(), { description: 'Labels.' }),
      capabilities: Type.Array(CapabilityUse, { description: 'Capabilities of the example.' }),
      dev_only: Type.Boolean({ description: 'True for an example that is for development only.' }),
    },
    {
      title: 'HarnessExample',
      description: 'A harness to start from.',
      examples: [
        {
          name: 'base',
          display_name: 'Base',
          description: 'Adds nothing.',
          tags: [],
          capabilities: [],
          dev_only: false,
        },
      ],
    },
  ),
  { description: 'Always empty.' },
)
export type HarnessExamples = Static<typeof HarnessExamples>
