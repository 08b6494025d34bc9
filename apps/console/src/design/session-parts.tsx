import '../sessions/session.css'
import type { AgentMessage, ToolCallItem, ToolStatus } from '@outlast/sdk'
import { Item } from '../sessions/conversation/items.tsx'
import { Steps } from '../sessions/panels/trace/steps.tsx'
import type { Span, Turn } from '../sessions/panels/turns.ts'
import { Inside } from '../sessions/tools/tool-inside.tsx'
import { Chart } from '../shell/chart/chart.tsx'
import { Part } from './part.tsx'

const at = '2026-11-25T09:30:00.000Z'
const startMs = Date.parse(at)

/** Parts of a session, without a server. */
export const SessionParts = () => (
  <>
    <Part name="Chart">
      <Chart
        title="Tokens"
        note="by day"
        marks={['Mon', 'Tue', 'Wed', 'Thu', 'Fri']}
        format={String}
        series={[
          series('Input', 'var(--outlast-trace-model)', [4, 8, 5, undefined, 9]),
          series('Output', 'var(--outlast-trace-tool)', [1, 2, 2, undefined, 3]),
          { ...series('Limit', 'var(--outlast-fail)', [10, 10, 10, 10, 10]), shape: 'line' },
        ]}
      />
    </Part>
    <Part name="Tool cards">
      {statuses.map((status) => (
        <Item key={status} item={call(status)} />
      ))}
    </Part>
    <Part name="Results">
      {results.map((item) => (
        <Inside key={item.id} item={item} />
      ))}
    </Part>
    <Part name="Reply that streams, and one with feedback">
      <Item item={{ ...reply, key: 'streams', id: undefined, isStreaming: true }} />
      <Item item={reply} />
    </Part>
    <Part name="Steps of a turn">
      <Steps turn={turn} nowMs={startMs + 2_400} events={[]} sessionId="session_1" />
    </Part>
  </>
)

const series = (name: string, color: string, values: (number | undefined)[]) =>
  ({ name, color, values, shape: 'bar' }) as const

const statuses: ToolStatus[] = ['running', 'done', 'failed', 'cancelled']

const call = (status: ToolStatus, fields: Partial<ToolCallItem> = {}): ToolCallItem => ({
  kind: 'tool_call',
  key: status,
  id: status,
  at,
  turnId: undefined,
  name: 'read_file',
  arguments: { path: '/report.md' },
  status,
  isForClient: false,
  expiresAt: undefined,
  approval: undefined,
  questions: undefined,
  progress: status === 'running' ? { progress: 2, total: 5 } : undefined,
  result: undefined,
  error: status === 'failed' ? 'No such file.' : undefined,
  durationMs: status === 'running' ? undefined : 340,
  ...fields,
})

const result = (id: string, given: ToolCallItem['arguments'], value: unknown) =>
  call('done', { id, arguments: given, result: [{ type: 'text', text: JSON.stringify(value) }] })

const results = [
  result('terminal', { command: 'ls' }, { stdout: 'report.md', stderr: 'No color.', exit_code: 1 }),
  result('file', {}, { path: '/report.md', content: '# Report\n\nSales rose.' }),
  result('table', {}, [
    { name: 'North', sales: 12 },
    { name: 'South', sales: 9 },
  ]),
]

const reply: AgentMessage = {
  kind: 'agent_message',
  key: 'reply',
  id: 'message_1',
  at,
  turnId: undefined,
  text: 'Sales rose by **4 %** to 18,200 orders.',
  thinking: '',
  isStreaming: false,
  writing: [],
  attempt: 1,
  model: 'llmsim-default',
  usage: { input_tokens: 1_840, output_tokens: 212, cost_usd: 0.0009 },
  feedback: [
    {
      message_id: 'message_1',
      rating: 'down',
      comment: 'Which quarter?',
      given_by: { kind: 'user', id: 'user_1', name: 'Ada' },
      given_at: at,
    },
  ],
}

const span = (fields: Pick<Span, 'key' | 'kind' | 'name' | 'depth'> & Partial<Span>): Span => ({
  startMs,
  endMs: startMs + 1_200,
  hasFailed: fields.error !== undefined,
  summary: undefined,
  details: [],
  usage: undefined,
  generation: undefined,
  call: undefined,
  ...fields,
})

const turn: Turn = {
  id: 'turn_1',
  number: 1,
  input: undefined,
  status: 'running',
  startMs,
  endMs: undefined,
  usage: undefined,
  models: ['llmsim-default'],
  spans: [
    span({ key: 'model', kind: 'model', name: 'llmsim-default', depth: 0, usage: reply.usage }),
    span({ key: 'tool', kind: 'tool', name: 'read_file', depth: 1, startMs: startMs + 1_200 }),
    span({ key: 'again', kind: 'retry', name: 'Retry', depth: 0, error: 'Rate limit.' }),
  ],
}
