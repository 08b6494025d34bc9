import { Type } from 'typebox'
import { defineCapability, defineTool } from '../../apps/server/src/capabilities/capability.ts'

/** Tools that end when the test lets them, and count their runs. */
export function handTools() {
  const begun: string[] = []
  const gates = new Map<string, PromiseWithResolvers<void>>()
  /** Of all runs with this name, also of one that has not begun: its event comes first. */
  const gateOf = (name: string) => {
    const gate = gates.get(name) ?? Promise.withResolvers<void>()
    gates.set(name, gate)
    return gate
  }
  const capability = defineCapability({
    id: 'hand',
    name: 'Hand',
    description: 'Waits for a hand.',
    category: 'Testing',
    icon: 'hand',
    status: 'available',
    tools: () =>
      (['safe', 'unsafe'] as const).map((replay) =>
        defineTool({
          name: replay,
          description: 'Waits.',
          replay,
          input: Type.Object({ name: Type.String() }),
          async run({ name }) {
            begun.push(name)
            await gateOf(name).promise
            return { did: name }
          },
        }),
      ),
  })
  return { capability, begun, finish: (name: string) => gateOf(name).resolve() }
}
