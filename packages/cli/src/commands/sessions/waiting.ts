import type { Outlast, ToolCall, WaitingItem, WaitingQuery } from '@outlast/sdk'
import { decide } from '../../chat/approval.ts'
import { refill } from '../../chat/budget.ts'
import { askQuestions, type Questioning } from '../../chat/questions.ts'
import { questioningAt } from '../../chat/terminal-questions.ts'
import { type Context, defineCommand, type Given, type Noun } from '../../core/command.ts'
import { UsageError } from '../../core/failure.ts'
import type { Flags } from '../../core/flags.ts'
import { given } from '../../input/change.ts'
import { actOnEach } from '../../input/each.ts'
import { listFlags, take } from '../../input/list.ts'
import { canAsk } from '../../input/prompt.ts'
import { ago } from '../../output/time.ts'
import { oneLine } from '../../output/width.ts'
import { approve, deny } from './decisions.ts'

const filterFlags = {
  type: {
    type: 'string',
    choices: ['approval', 'input', 'budget', 'sign_in'],
    value: 'TYPE',
    about: 'what is needed',
  },
  agent: { type: 'string', short: 'a', value: 'AGENT', about: 'agent that waits (id or name)' },
  session: { type: 'string', short: 's', value: 'SESSION', about: 'session that waits' },
} as const satisfies Flags

const filterOf = ({ type, agent, session }: Given<typeof filterFlags>): WaitingQuery =>
  given({ type, agent_id: agent, session_id: session })

const list = defineCommand({
  summary: 'list what waits for a person',
  aliases: ['list', 'ls'],
  more: '`outlast waiting answer` asks you about each entry.',
  flags: { ...listFlags, ...filterFlags },
  async run({ outlast, out, signal }, { flags }) {
    const filter = filterOf(flags)
    const rows = take((page) => outlast.waiting.list({ ...filter, ...page }, { signal }), flags)
    await out.list(
      rows,
      [
        { title: 'TYPE', value: ({ type }) => type },
        { title: 'SINCE', value: ({ since }) => ago(since) },
        { title: 'SESSION', value: ({ session_id, mcp_server_id }) => session_id ?? mcp_server_id },
        { title: 'CALL', value: ({ tool_call_id }) => tool_call_id, isExtra: true },
        { title: 'AGENT', value: ({ agent_name }) => agent_name, isExtra: true },
        { title: 'NEEDS', value: ({ summary }) => summary, isFlexible: true },
      ],
      { empty: 'Nothing waits for a person.' },
    )
  },
})

/** Reads the call that an approval is about: a list leaves out long arguments. */
async function callOf(
  outlast: Outlast,
  { session_id, tool_call_id, arguments: args, tool_name }: WaitingItem,
  options: { signal: AbortSignal },
): Promise<ToolCall | undefined> {
  if (args) return { id: tool_call_id!, name: tool_name!, arguments: args }
  const query = { types: ['tool.approval_requested' as const] }
  let found: ToolCall | undefined
  for await (const event of outlast.events.list(session_id!, query, options)) {
    if (event.type !== 'tool.approval_requested') continue
    if (event.data.tool_call.id === tool_call_id) found = event.data.tool_call
  }
  return found
}

/** Asks about one entry and sends the answer. Returns the result; undefined: left for later. */
async function settle(
  { outlast, signal }: Context,
  item: WaitingItem,
  questioning: Questioning,
): Promise<string | undefined> {
  const { session_id: id, tool_call_id, budget_id } = item
  if (budget_id) return (await refill(outlast, budget_id, questioning, { signal }))?.status
  if (item.type === 'input' && item.questions) {
    const body = await askQuestions(item.questions.questions, questioning)
    if (!body) return undefined
    const named = { ...body, tool_call_id, asked_at: item.questions.asked_at }
    return (await outlast.sessions.answerQuestions(id!, named, { signal })).status
  }
  const call = item.type === 'approval' && (await callOf(outlast, item, { signal }))
  const body = call && (await decide(call, questioning))
  if (!body) return undefined
  return (await outlast.sessions.decideToolCall(id!, tool_call_id!, body, { signal })).decision
}

const answer = defineCommand({
  summary: 'ask you about each entry: approve, deny, answer, or refill a budget',
  more: 'Scripts use `outlast waiting approve`, `outlast sessions answer` and `outlast budgets top-up`.',
  flags: filterFlags,
  async run(context, { flags }) {
    const { outlast, out, io, signal } = context
    if (!canAsk(io)) throw new UsageError('There is no terminal to answer on.')
    const entries = new Map<string, WaitingItem>()
    let total = 0
    for await (const item of outlast.waiting.list(filterOf(flags), { signal })) {
      total += 1
      // Turns that wait for the same budget have one answer.
      const key = item.budget_id ?? item.id
      if (item.type !== 'sign_in' && !entries.has(key)) entries.set(key, item)
    }
    let answered = 0
    let failed = entries.size
    const code = await actOnEach(context, [...entries.keys()], async (key) => {
      const item = entries.get(key)!
      const { agent_name, session_title, session_id, since } = item
      const where = oneLine(`${agent_name}, ${session_title ?? session_id}, ${ago(since)}`)
      const questioning = questioningAt(context)
      questioning.say(questioning.tell.prose(where, 'dim'))
      if (await settle(context, item, questioning)) answered += 1
      failed -= 1
    })
    const left = total - answered - failed
    const failures = failed > 0 ? `, ${failed} failed` : ''
    const sentence = `Answered ${answered}, left ${left} for later${failures}.`
    await out.done({ answered, left, failed }, sentence)
    return code
  },
})

export const waiting: Noun = {
  '': list,
  approve,
  deny,
  answer,
}
