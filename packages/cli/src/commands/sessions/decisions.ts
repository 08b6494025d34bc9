import type { List, Outlast, Session, ToolRule } from '@outlast/sdk'
import { defineCommand } from '../../core/command.ts'
import { UsageError } from '../../core/failure.ts'
import { given } from '../../input/change.ts'
import { listFlags, take } from '../../input/list.ts'
import { ago } from '../../output/time.ts'
import { oneLine } from '../../output/width.ts'

/**
 * Selects a waiting call: by its id, the beginning of its id, or its tool. Without a text, the only
 * one. A text without a match is sent as it is: the server answers.
 * Contract: throws a UsageError if several calls match.
 */
function callOf({ waiting_for }: Session, text: string | undefined): string {
  const calls = (waiting_for?.calls ?? []).filter(({ type }) => type === 'approval')
  const isMatch = ({ tool_call_id: id, tool_name }: (typeof calls)[number]) =>
    text === undefined || id.startsWith(text) || tool_name === text
  const exact = calls.filter(({ tool_call_id: id }) => id === text)
  const found = exact.length > 0 ? exact : calls.filter(isMatch)
  if (found.length === 1) return found[0]!.tool_call_id
  if (found.length === 0 && text !== undefined) return text
  if (found.length === 0) throw new UsageError('No tool call of this session waits for approval.')
  const lines = found.map(
    ({ tool_call_id: id, tool_name }) => `  ${oneLine(`${id}  ${tool_name}`)}`,
  )
  throw new UsageError([`${found.length} calls wait for approval. Name one:`, ...lines].join('\n'))
}

/** Defines a verb that decides on a tool call. */
const decision = (decision: 'approve' | 'deny', summary: string, sentence: string) =>
  defineCommand({
    summary,
    more: 'Without a call, the only waiting one. `outlast waiting` names the calls that wait.',
    positionals: ['<session>', '[call]'],
    flags: {
      reason: { type: 'string', value: 'TEXT', about: 'reason, which the model sees' },
      always: {
        type: 'string',
        choices: ['session', 'agent'],
        value: 'SCOPE',
        about: 'decide so for all later calls of the tool, in this session or of its agent',
      },
    },
    async run({ outlast, out, signal }, { words, flags }) {
      const id = words[0]!
      const call = callOf(await outlast.sessions.get(id, { signal }), words[1])
      const body = { decision, ...given({ reason: flags.reason, always: flags.always }) }
      const answer = await outlast.sessions.decideToolCall(id, call, body, { signal })
      await out.done({ id, ...answer }, `${sentence} ${call}.`)
    },
  })

export const approve = decision(
  'approve',
  'approve a tool call that waits for approval',
  'Approved',
)
export const deny = decision('deny', 'deny a tool call that waits for approval', 'Denied')

type Owner = 'session' | 'agent'
type Options = { signal: AbortSignal }

const callsOf = {
  session: {
    list: ({ sessions }: Outlast, id: string, page: object, options: Options): List<ToolRule> =>
      sessions.listToolRules(id, page, options),
    remove: ({ sessions }: Outlast, id: string, tool: string, options: Options) =>
      sessions.removeToolRule(id, tool, options),
  },
  agent: {
    list: ({ agents }: Outlast, id: string, page: object, options: Options): List<ToolRule> =>
      agents.listToolRules(id, page, options),
    remove: ({ agents }: Outlast, id: string, tool: string, options: Options) =>
      agents.removeToolRule(id, tool, options),
  },
}

/** Defines the verbs of the rules of a session or an agent. */
export const ruleVerbs = (owner: Owner) => ({
  'tool-rules': defineCommand({
    summary: `list the decisions for all calls of a tool of ${owner === 'agent' ? 'an agent' : 'a session'}`,
    positionals: [`<${owner}>`],
    flags: listFlags,
    async run({ outlast, out, signal }, { words, flags }) {
      const list = (page: object) => callsOf[owner].list(outlast, words[0]!, page, { signal })
      await out.list(
        take(list, flags),
        [
          { title: 'TOOL', value: ({ tool_name }) => tool_name },
          { title: 'DECISION', value: ({ decision }) => decision },
          { title: 'BY', value: ({ decided_by }) => decided_by.name, isFlexible: true },
          { title: 'CREATED', value: ({ created_at }) => ago(created_at), isExtra: true },
        ],
        { empty: 'No tool rules.', idOf: ({ tool_name }) => tool_name },
      )
    },
  }),
  'delete-tool-rule': defineCommand({
    summary: 'remove such a decision: the next calls follow the policy of the tool',
    positionals: [`<${owner}>`, '<tool>'],
    async run({ outlast, out, signal }, { words }) {
      const [id, tool] = words as [string, string]
      await callsOf[owner].remove(outlast, id, tool, { signal })
      await out.done({ id, tool_name: tool }, `Removed the rule of ${oneLine(tool)}.`)
    },
  }),
})
