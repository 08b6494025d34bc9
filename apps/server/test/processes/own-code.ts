import type { QuestionSet, WaitingItem } from '@outlast/contract'
import { type TObject, Type } from 'typebox'
import type { CallHook } from '../../src/authoring/config.ts'
import { emptyProject, type Project } from '../../src/authoring/project.ts'
import {
  type Capability,
  defineCapability,
  defineTool,
  type Tool,
} from '../../src/capabilities/capability.ts'
import type { Call } from '../server.ts'
import { eventually } from '../waiting.ts'

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

/** A capability whose tool `confirm` asks a person two questions, one after the other. */
export const asksTwice = testCapability([
  testTool({
    name: 'confirm',
    run: async (_, { ask }) => [
      await ask({ kind: 'boolean', question: 'Cancel the seat?' }),
      await ask({ kind: 'boolean', question: 'Cancel the flight?' }),
    ],
  }),
])

/** Answers the first questions of `confirm`. Returns the next ones when they wait. */
export async function answerFirst(call: Call, sessionId: string): Promise<QuestionSet> {
  const waiting = async () => {
    const { body } = await call('GET', `/v1/waiting?session_id=${sessionId}`)
    return (body.data as WaitingItem[])[0]?.questions
  }
  const { asked_at } = await eventually(waiting)
  const body = { asked_at, answers: [{ id: 'q1', value: true }] }
  await call('POST', `/v1/sessions/${sessionId}/question-answers`, body)
  return eventually(async () => {
    const next = await waiting()
    return next?.asked_at === asked_at ? undefined : next
  })
}

export const ownTools = [{ ref: 'own' }]
