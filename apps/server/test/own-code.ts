import { type TObject, Type } from 'typebox'
import type { CallHook } from '../src/authoring/config.ts'
import { emptyProject, type Project } from '../src/authoring/project.ts'
import {
  type Capability,
  defineCapability,
  defineTool,
  type Tool,
} from '../src/capabilities/capability.ts'

/** A project whose only code is a hook for tool calls. */
export const withCallHook = (call: CallHook): Project => ({ ...emptyProject, hooks: { call } })

type ToolParts = Partial<Omit<Tool, 'run' | 'input'>> & {
  name: string
  input?: TObject
  // biome-ignore lint/suspicious/noExplicitAny: each test has its own inputs
  run?: (input: any, context: Parameters<Tool['run']>[1]) => unknown
}

/** A tool that returns its input, unless the test defines more. */
export const testTool = ({ name, ...parts }: ToolParts): Tool =>
  defineTool({
    name,
    description: `Does ${name}.`,
    replay: 'unsafe',
    input: Type.Object({}),
    run: (input) => input,
    ...parts,
  })

/** A capability with these tools, and the id `own`. */
export const testCapability = (tools: Tool[], parts: Partial<Capability> = {}): Capability =>
  defineCapability({
    id: 'own',
    name: 'Own',
    description: 'Tools of a test.',
    category: 'Testing',
    icon: 'box',
    status: 'available',
    tools: () => tools,
    ...parts,
  } as never)

export const ownTools = [{ ref: 'own' }]
