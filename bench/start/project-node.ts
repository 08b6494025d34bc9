/** A node with tools of a project. `HOOK=true` adds a hook that allows every call. */
import { Type } from 'typebox'
import { startApp } from '../../apps/server/src/app.ts'
import { emptyProject } from '../../apps/server/src/authoring/project.ts'
import {
  defineCapability,
  defineTool,
  type Parse,
  type Tool,
} from '../../apps/server/src/capabilities/capability.ts'
import { builtins } from '../../apps/server/src/capabilities/index.ts'
import { readConfig } from '../../apps/server/src/config.ts'

const input = Type.Object({ a: Type.Number(), b: Type.Number() }, { additionalProperties: false })

const add = (name: string, parts: Partial<Tool> = {}) =>
  defineTool({
    name,
    description: 'Adds two numbers.',
    replay: 'safe',
    input,
    run: ({ a, b }) => ({ sum: a + b }),
    ...(parts as object),
  })

/** Validates two numbers as a schema library does: it returns a copy. */
const parse: Parse = async (value) => {
  const { a, b } = value as Record<string, unknown>
  if (typeof a === 'number' && typeof b === 'number') return { value: { a, b } }
  return { problems: [{ path: '/a', message: 'must be a number' }] }
}
const parseAny: Parse = async (value) => ({ value })

const own = defineCapability({
  id: 'own',
  name: 'Own',
  description: 'Tools of a project.',
  category: 'Project',
  icon: 'puzzle',
  status: 'available',
  tools: () => [
    add('plain'),
    add('parsed', { parse, output: { schema: Type.Object({}), parse: parseAny } }),
  ],
})

const hooks = process.env.HOOK === 'true' ? { call: async () => undefined } : {}
const app = await startApp(readConfig(process.env), {
  capabilities: [...builtins, own],
  project: { ...emptyProject, hooks },
})
process.on('SIGTERM', async () => {
  await app.stop()
  process.exit(0)
})
