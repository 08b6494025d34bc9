import { Type } from 'typebox'
import {
  type Capability,
  defineCapability,
  defineTool,
  type ToolContext,
} from '../../apps/server/src/capabilities/capability.ts'

/** Two tools whose effects the world at `url` records: `look` can be repeated, `pay` cannot. */
export function recording(url: string): Capability {
  const effect = async (tool: string, input: object, context: ToolContext) => {
    const { sessionId, idempotencyKey, signal } = context
    const body = JSON.stringify({ tool, key: idempotencyKey, session: sessionId, input })
    const answer = await fetch(`${url}/effects`, { method: 'POST', body, signal })
    return answer.json()
  }
  const tool = (name: string, replay: 'safe' | 'unsafe') =>
    defineTool({
      name,
      description: `Does ${name}.`,
      replay,
      input: Type.Object({ words: Type.Optional(Type.String()) }),
      run: (input, context) => effect(name, input, context),
    })
  return defineCapability({
    id: 'recording',
    name: 'Recording',
    description: 'Tools whose effects can be counted.',
    category: 'Testing',
    icon: 'book',
    status: 'available',
    tools: () => [tool('look', 'safe'), tool('pay', 'unsafe')],
  })
}
