import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Type } from 'typebox'
import { startServer } from '../../../test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  type ScriptStep,
  scripted,
  typesOf,
} from '../../../test/session.ts'
import {
  type Capability,
  defineCapability,
  defineTool,
  type Tool,
} from '../../capabilities/capability.ts'
import { builtins } from '../../capabilities/index.ts'

const input = Type.Object({ size: Type.Optional(Type.Integer()) })
const about = { description: 'For tests.', replay: 'safe', input } as const

let keptSignal: AbortSignal | undefined

/** Tools that misbehave in different ways. */
const tools: Tool[] = [
  defineTool({
    ...about,
    name: 'keeps_signal',
    limits: { timeoutMs: 300 },
    run(_, { signal }) {
      keptSignal = signal
    },
  }),
  defineTool({ ...about, name: 'throws', run: () => fail('a secret detail') }),
  defineTool({
    ...about,
    name: 'hangs',
    limits: { timeoutMs: 300 },
    run: () => new Promise(() => {}),
  }),
  defineTool({
    ...about,
    name: 'waits',
    run: async (_, { signal }) => sleep(60_000, undefined, { signal }),
  }),
  defineTool({ ...about, name: 'floods', run: ({ size = 1 }) => ({ text: 'x'.repeat(size) }) }),
  defineTool({
    ...about,
    name: 'murmurs',
    limits: { outputBytesMax: 300 },
    run: () => ({ beginning: 'é"\\'.repeat(500) }),
  }),
  defineTool({
    ...about,
    name: 'wails',
    run: () => ({ text: '\ufffd'.repeat(300_000) + 'é'.repeat(200_000) }),
  }),
  defineTool({ ...about, name: 'returns_nothing', run: () => undefined }),
  defineTool({ ...about, name: 'returns_big_integer', run: () => 10n }),
  defineTool({
    ...about,
    name: 'returns_circle',
    run() {
      const circle: Record<string, unknown> = {}
      circle.self = circle
      return circle
    },
  }),
  defineTool({
    ...about,
    name: 'edits_later',
    limits: { timeoutMs: 10_000 },
    run: (_, { files }) => files.edit('/a', (async () => files.write('/b', 'x')) as never),
  }),
  defineTool({ ...about, name: 'throws_words', run: () => Promise.reject('just words') }),
]

function fail(words: string): never {
  throw new Error(words)
}

const misbehaving = defineCapability({
  id: 'misbehaving',
  name: 'Misbehaving',
  description: 'For tests.',
  category: 'Testing',
  icon: 'bug',
  status: 'available',
  tools: () => tools,
})

async function start(t: TestContext, env: Record<string, string> = {}) {
  const capabilities: Capability[] = [...builtins, misbehaving]
  const server = await startServer(t, { capabilities, env: { LOG_LEVEL: 'silent', ...env } })
  const refs = ['misbehaving', 'session_file_system'].map((ref) => ({ ref }))
  const agent = await createAgent(server, { capabilities: refs })
  const session = await createSession(server, { agent_id: agent.id })
  const say = (...steps: ScriptStep[]) => converse(t, server, session.id, scripted(...steps))
  /** Runs one tool call in a turn and returns its outcome. */
  const use = async (name: string, args: object = {}) => {
    const events = await say({ tool_calls: [{ name, arguments: args }] }, { text: 'Done.' })
    assert.equal(typesOf(events).at(-2), 'turn.completed', JSON.stringify(events.at(-2)))
    return dataOf(events, 'tool.completed')
  }
  return { server, session, say, use }
}

const textOf = (data: Awaited<ReturnType<Awaited<ReturnType<typeof start>>['use']>>): string => {
  assert.ok('result' in data && data.result, JSON.stringify(data))
  const [part] = data.result as { text: string }[]
  return part!.text
}

test('clears the timeout of a tool call when the call ends', async (t) => {
  const { say } = await start(t)
  const calls = ['keeps_signal', 'hangs'].map((name) => ({
    tool_calls: [{ name, arguments: {} }],
  }))
  const events = await say(...calls, { text: 'Done.' })
  assert.equal(dataOf(events, 'tool.completed', 2).status, 'timeout')
  assert.equal(keptSignal?.aborted, false)
})

test('a tool that throws, hangs or returns no JSON fails its call and not its turn', async (t) => {
  const { use } = await start(t)
  const internal = 'An internal error occurred while executing the tool'
  const outcomes: Record<string, object> = {
    throws: { status: 'error', error: internal },
    throws_words: { status: 'error', error: internal },
    returns_big_integer: { status: 'error', error: internal },
    returns_circle: { status: 'error', error: internal },
    hangs: { status: 'timeout', error: 'The tool did not finish within 300 ms.' },
    unknown: { status: 'error', error: 'Tool definition not found: unknown' },
  }
  for (const [name, expected] of Object.entries(outcomes)) {
    const { tool_call_id, tool_name, duration_ms, ...outcome } = (await use(name)) as Record<
      string,
      unknown
    >
    assert.deepEqual(outcome, { success: false, ...expected }, name)
  }
  assert.equal(textOf(await use('returns_nothing')), 'null')
})

test('an edit whose function returns a promise fails, and files can be changed later', async (t) => {
  const { use, server, session } = await start(t)
  assert.equal((await use('edits_later')).status, 'error')
  const path = `/v1/sessions/${session.id}/fs/c`
  assert.equal((await server.call('POST', path, { content: 'later' })).status, 201)
})

test("the operator's limit applies to the time of every tool", async (t) => {
  const { use } = await start(t, { TOOL_TIMEOUT_MS: '200' })
  const outcome = await use('waits')
  assert.ok('status' in outcome && outcome.status === 'timeout', JSON.stringify(outcome))
})

test('truncates a long result for the model and stores it whole in a readable file', async (t) => {
  const { server, session, use, say } = await start(t, { TOOL_OUTPUT_KB: '8' })
  assert.equal(textOf(await use('floods', { size: 8_000 })).length, 8_000 + '{"text":""}'.length)
  const completed = await use('floods', { size: 50_000 })
  const cut = JSON.parse(textOf(completed))
  assert.ok(textOf(completed).length < 8_192)
  assert.deepEqual([cut.truncated, cut.size_bytes], [true, 50_011])
  assert.ok(cut.beginning.startsWith('{"text":"xxx') && cut.end.endsWith('xxx"}'))
  const file = await server.call('GET', `/v1/sessions/${session.id}/fs${cut.full_output}`)
  assert.equal(file.body.content, JSON.stringify({ text: 'x'.repeat(50_000) }))
  const changed = (await eventsOf(server, session.id, '?types=files.changed')).at(-1)!
  assert.ok(changed.type === 'files.changed' && 'tool_call_id' in completed)
  assert.equal(changed.data.tool_call_id, completed.tool_call_id)
  assert.ok(changed.context.turn_id && changed.context.exec_id)

  let read = ''
  for (let offset: number | undefined = 0; offset !== undefined; ) {
    const part: Record<string, never> = JSON.parse(
      textOf(await use('read_file', { path: cut.full_output, offset })),
    )
    assert.equal(part.size_bytes, 50_011)
    read += part.content
    offset = part.next_offset
  }
  assert.equal(read, file.body.content)
  const grepped = JSON.parse(textOf(await use('grep_files', { pattern: 'xxx"}$' })))
  assert.equal(grepped.match_count, 1)
  const events = await say(
    { tool_calls: [{ name: 'write_file', arguments: { path: cut.full_output, content: '' } }] },
    { text: 'Done.' },
  )
  assert.match(JSON.stringify(dataOf(events, 'tool.completed')), /reserved/)
})

test('truncates at the limit of the tool, between characters', async (t) => {
  const { use } = await start(t)
  const text = textOf(await use('murmurs'))
  assert.ok(Buffer.byteLength(text) < 600, text)
  const { beginning, end, full_output } = JSON.parse(text)
  assert.ok(
    beginning.isWellFormed() && !beginning.includes('\u{fffd}') && !end.includes('\u{fffd}'),
  )
  assert.match(full_output, /^\/_tool_outputs\/[\w.-]+\.json$/)
})

test('truncates a result that exceeds the file limit and continues the turn', async (t) => {
  const limits = { FILE_SIZE_MB: '1', SESSION_FILES_MB: '2' }
  const { server, session, use } = await start(t, limits)
  const huge = JSON.parse(textOf(await use('floods', { size: 100_000_000 })))
  assert.deepEqual([huge.size_bytes, huge.full_output_bytes], [100_000_011, 1_048_576])
  const { body } = await server.call('GET', `/v1/sessions/${session.id}/fs${huge.full_output}`)
  assert.equal(body.size_bytes, 1_048_576)
  await use('floods', { size: 1_000_000 })
  const full = JSON.parse(textOf(await use('floods', { size: 900_000 })))
  assert.deepEqual(full.not_kept, 'The files of a session cannot exceed 2097152 bytes.')
})

test('repeating the same call ends the turn with a reason, and another call resets the count', async (t) => {
  const { server, session, say } = await start(t, { TOOL_REPEATS_MAX: '3' })
  const same = { tool_calls: [{ name: 'returns_nothing', arguments: { size: 1 } }] }
  const other = { tool_calls: [{ name: 'returns_nothing', arguments: { size: 2 } }] }
  const fine = await say(same, same, other, same, same, { text: 'Done.' })
  assert.equal(typesOf(fine).at(-2), 'turn.completed')
  const looping = await say(same, same, same, same, { text: 'Never.' })
  const failed = dataOf(looping, 'turn.failed') as Record<string, unknown>
  assert.equal(failed.error_code, 'tool_loop')
  assert.match(String(failed.error), /same tool call with the same arguments/)
  assert.equal(typesOf(looping).filter((type) => type === 'tool.completed').length, 3)
  const beside = { tool_calls: [...same.tool_calls, { name: 'floods', arguments: {} }] }
  const parallel = await say(beside, same, {
    tool_calls: [...same.tool_calls, ...other.tool_calls],
  })
  assert.equal((dataOf(parallel, 'turn.failed') as Record<string, unknown>).error_code, 'tool_loop')
  const { body } = await server.call('GET', `/v1/sessions/${session.id}`)
  assert.equal(body.status, 'idle')
  const next = await say({ text: 'Still here.' })
  assert.equal(typesOf(next).at(-2), 'turn.completed')
})

test('parallel calls of one reply count separately', async (t) => {
  const { say } = await start(t, { TOOL_REPEATS_MAX: '4' })
  const call = { name: 'returns_nothing', arguments: {} }
  const events = await say({ tool_calls: [call, call, call, call] }, { text: 'Never.' })
  assert.equal((dataOf(events, 'turn.failed') as Record<string, unknown>).error_code, 'tool_loop')
})

test('stores long results separately for any call ids of a vendor', async (t) => {
  const { server, session, say } = await start(t, { TOOL_OUTPUT_KB: '8' })
  const long = 'x'.repeat(5_000)
  const ids = ['../../x', '.. .. x', '..:..:x', `${long}1`, `${long}2`, '..', '.', ' ', 'é']
  const calls = ids.map((id, n) => ({ id, name: 'floods', arguments: { size: 20_000 + n } }))
  const events = await say({ tool_calls: calls }, { text: 'Done.' })
  const sizes = events.flatMap((event) => {
    if (event.type !== 'tool.completed') return []
    const { size_bytes, full_output } = JSON.parse(textOf(event.data))
    assert.match(full_output, /^\/_tool_outputs\/[^/]{1,150}\.json$/)
    return [[full_output, size_bytes]]
  })
  assert.equal(sizes.length, ids.length)
  for (const [path, size] of sizes) {
    const { body } = await server.call('GET', `/v1/sessions/${session.id}/fs${path}`)
    assert.equal(body.size_bytes, size, path)
  }
})

test('handles results and arguments of any content in linear time', async (t) => {
  const { use } = await start(t, { FILE_SIZE_MB: '1' })
  const content = `${' '.repeat(300_000)}!`
  const written = await use('write_file', { path: '/a', content, encoding: 'base64' })
  assert.equal('error' in written && written.error, 'The content is not base64.')
  const { size_bytes, beginning, end } = JSON.parse(textOf(await use('wails')))
  assert.equal(size_bytes, 1_300_011)
  assert.match(beginning, /^{"text":"\ufffd+$/)
  assert.match(end, /^é+"}$/)
})
