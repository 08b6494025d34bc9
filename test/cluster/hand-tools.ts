import { Type } from 'typebox'
import { defineCapability, defineTool } from '../../apps/server/src/capabilities/capability.ts'

/** Tools that end when the test lets them, and count their runs. */
export function handTools() {
  const begun: string[] = []
  const waiting = new Map<string, () => void>()
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
            await new Promise<void>((resolve) => waiting.set(name, resolve))
            return { did: name }
          },
        }),
      ),
  })
  return { capability, begun, finish: (name: string) => waiting.get(name)!() }
}
