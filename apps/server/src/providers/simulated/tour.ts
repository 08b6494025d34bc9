import type { LanguageModelV4CallOptions } from '@ai-sdk/provider'
import { openCalls, openExchange, type PromptCall } from './prompt.ts'
import type { ReplyCall, SimulatedReply } from './reply.ts'

const [orders, report] = ['/tour/orders.csv', '/tour/report.md']

const plan = [
  ['Add up the orders by country', 'Adding up the orders'],
  ['Write the report', 'Writing the report'],
  ['Delete the raw data, with your approval', 'Deleting the raw data'],
] as const

const totals = `mkdir -p /tour
cat > ${orders} <<'END'
country,amount
DE,120.50
FR,80.00
DE,45.25
IT,210.00
FR,19.90
END
awk -F, 'NR > 1 { n[$1]++; sum[$1] += $2 } END { for (c in n) printf "%s %d %.2f\\n", c, n[c], sum[c] }' ${orders} | sort`

const invitation = `The orders are added up. Next comes the report, and I write this paragraph slowly on purpose, because now is a good moment to **kill the server**. Stop it in its terminal with Ctrl-C, or hard:

\`\`\`
kill -9 $(cat data/server.pid)
\`\`\`

Then start it again with \`npm start\` and keep this window open. The command that has already run does not run again, because its result is in the log. Only this paragraph is requested a second time. No message, tool call or file is lost, and this window reconnects by itself. If you would rather not, just wait: I continue in a few seconds.`

const normalPace = 40
const slowPace = 6

/** One step of the tour. `calls` are the tool calls of the turn so far, with their outcomes. */
type Step = (calls: readonly PromptCall[]) => SimulatedReply

const steps: readonly Step[] = [
  () => ({
    text: 'Welcome! I am a simulated model, so this tour needs no API key. I plan a small task, run a command, write a file, ask for your approval and report the result. This is my plan:',
    toolCalls: [planWith(0)],
  }),
  () => ({ text: 'First the data.', toolCalls: [call('bash', { command: totals })] }),
  (calls) => ({
    text: invitation,
    tokensPerSecond: slowPace,
    toolCalls: [
      call('write_file', { path: report, content: `# Orders\n\n${table(calls)}\n` }),
      planWith(1),
    ],
  }),
  () => ({
    text: `The report is in \`${report}\`. The raw data is no longer needed, but deleting a file requires your approval. The session waits for it without using a process or a connection, for days if necessary.`,
    toolCalls: [call('delete_file', { path: orders }), planWith(2)],
  }),
  () => ({ toolCalls: [planWith(plan.length)] }),
  (calls) => ({ text: `${deletion(calls)} The result:\n\n${table(calls)}\n\n${farewell}` }),
]

const farewell =
  'In the console, open **Timeline** to see every step, also the ones before a crash. To talk to a real model, add an API key there under **Models**, or start the server with `DEFAULT_ANTHROPIC_API_KEY`, `DEFAULT_OPENAI_API_KEY` or `DEFAULT_GOOGLE_API_KEY`. (simulated)'

/** Returns whether the system prompt asks a simulated model for the tour. */
export function isTour({ prompt: [first] }: LanguageModelV4CallOptions): boolean {
  return first?.role === 'system' && first.content.includes('llmsim-tour')
}

const needed = ['write_todos', 'bash', 'write_file', 'delete_file']

/**
 * Plays a task with a plan, a command, a file and an approval, one step per model call.
 * Contract: depends on the prompt alone, so that a turn continues with the same step on any node.
 */
export function tourReply({ prompt, tools = [] }: LanguageModelV4CallOptions): SimulatedReply {
  const missing = needed.filter((name) => !tools.some((tool) => tool.name === name))
  if (missing.length > 0) {
    return {
      text: `The tour needs the tools ${missing.join(', ')}, as the agent Guided Tour has them. (simulated)`,
    }
  }
  const step = openExchange(prompt).filter(({ role }) => role === 'assistant').length
  const reply = steps[Math.min(step, steps.length - 1)]!
  return { tokensPerSecond: normalPace, ...reply(openCalls(prompt)) }
}

const call = (name: string, input: Record<string, unknown>): ReplyCall => ({ name, input })

/** The task list when `done` tasks are completed. */
function planWith(done: number): ReplyCall {
  const todos = plan.map(([content, activeForm], index) => ({
    ...{ content, activeForm },
    status: index < done ? 'completed' : index === done ? 'in_progress' : 'pending',
  }))
  return call('write_todos', { todos })
}

function outcomeOf(calls: readonly PromptCall[], wanted: string) {
  return calls.find(({ name }) => name === wanted)?.outcome
}

/** The totals as a Markdown table, from the output of the command. */
function table(calls: readonly PromptCall[]): string {
  const outcome = outcomeOf(calls, 'bash')
  const result = outcome && 'result' in outcome ? outcome.result : undefined
  const { stdout = '' } = Object(result) as { stdout?: string }
  const rows = stdout
    .split('\n')
    .filter((line) => /^\w+ \d+ [\d.]+$/.test(line))
    .map((line) => `| ${line.replaceAll(' ', ' | ')} |`)
  return ['| Country | Orders | Total |', '|---|---:|---:|', ...rows].join('\n')
}

function deletion(calls: readonly PromptCall[]): string {
  const outcome = outcomeOf(calls, 'delete_file')
  if (outcome && 'result' in outcome) return 'You approved, and the raw data is deleted.'
  return `The raw data stays in \`${orders}\`, because the call was not approved.`
}
