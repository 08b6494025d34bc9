import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { startMcp, textTool } from '../../../apps/server/test/remotes/mcp.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import { eventually } from '../../../apps/server/test/waiting.ts'
import { printedBy, runHere } from '../test/here.ts'

let server: Awaited<ReturnType<typeof startServer>>
let agent: string

beforeAll(async (t) => {
  const env = { PRIVATE_HOSTS_ALLOWED: '127.0.0.1' }
  server = await startServer(t as TestContext, { env })
  const { body } = await server.call('GET', '/v1/agents')
  agent = body.data[0].id
})

const cli = (args: string[], input = '') =>
  runHere(args, { env: { OUTLAST_URL: server.url }, input })

const made = async (args: string[], input = '') =>
  JSON.parse(await printedBy(cli([...args, '--json'], input)))

test('reads the key of a provider from stdin or a hidden prompt, never from an argument', async () => {
  const create = ['providers', 'create', '--type', 'openai', '--name', 'Mine', '--api-key-stdin']
  const provider = await made(create, 'sk-secret\n')
  assert.deepEqual([provider.name, provider.api_key_set], ['Mine', true])
  const env = { OUTLAST_URL: server.url }
  const update = ['providers', 'update', provider.id, '--api-key-stdin', '--disable']
  const answers = [['API key:', 'sk-other\r']] as const
  const asked = await runHere(update, { env, columns: 80, answers })
  assert.equal(asked.code, 0, asked.stderr)
  assert.ok(!asked.stderr.includes('sk-other'))
  assert.match((await cli(['providers', 'get', provider.id])).stdout, /Status +disabled/)
  const argv = await cli(['providers', 'update', provider.id, '--enable', '--api-key', 'sk-third'])
  assert.match(argv.stderr, /--api-key signs you in to Outlast/)
  assert.equal((await cli(create)).code, 2)
  assert.equal((await cli(['providers', 'delete', provider.id, '--yes'])).code, 0)
})

test('exits with 1 and the reason for a provider that does not work', async () => {
  const providers: { id: string; provider_type: string }[] = await made(['providers', 'list'])
  const of = (type: string) => providers.find(({ provider_type }) => provider_type === type)!.id
  const well = await cli(['providers', 'test', of('llmsim')])
  assert.deepEqual([well.code, /^It works/.test(well.stdout)], [0, true])
  const { code, stdout } = await cli(['providers', 'test', of('openai')])
  assert.equal(code, 1)
  assert.match(stdout, /^It does not work: .*key/)
  const tested = await cli(['providers', 'test', of('openai'), '--api-key-stdin'], 'sk-é\n')
  assert.deepEqual([tested.code, /api_key.*visible ASCII/.test(tested.stderr)], [1, true])
  assert.doesNotMatch(tested.stdout + tested.stderr, /sk-/)
})

test('creates, marks, disables and deletes a model', async () => {
  const [provider] = await made(['providers', 'list'])
  const create = ['models', 'create', 'gpt-new', '-p', provider.id, '--display-name', 'New']
  const model = await made([...create, '--favorite'])
  assert.deepEqual(
    [model.model_id, model.display_name, model.is_favorite],
    ['gpt-new', 'New', true],
  )
  assert.match(
    (await cli(['models', 'list', '--favorites'])).stdout,
    /New +OpenAI +active +favorite, no API key/,
  )
  const shown = await cli(['models', 'get', model.id])
  assert.match(shown.stdout, /^Provider ready +no: it is disabled or has no API key$/m)
  const update = ['models', 'update', model.id, '--no-favorite', '--disable']
  const changed = await made(update)
  assert.deepEqual([changed.is_favorite, changed.status], [false, 'disabled'])
  assert.equal((await cli(['models', 'update', model.id])).code, 2)
  const ofProvider: { id: string }[] = await made(['models', 'list', '-p', provider.id, '--all'])
  assert.ok(ofProvider.some(({ id }) => id === model.id))
  assert.equal((await cli(['models', 'delete', model.id, '-y'])).code, 0)
  assert.equal((await cli(['models', 'get', model.id])).code, 5)
})

test('shows the tools and the config of a capability', async () => {
  const { stdout } = await cli(['capabilities', 'get', 'current_time'])
  assert.match(stdout, /^get_current_time +/m)
  assert.match(stdout, /^timezone +string/m)
  const all: { status: string }[] = await made(['capabilities', 'list'])
  assert.ok(all.length > 10 && all.every(({ status }) => status === 'available'))
  assert.deepEqual(await made(['capabilities', 'list', '--status', 'coming_soon']), [])
})

test('creates, tests, updates and deletes an MCP server', async (t) => {
  const { url } = await startMcp(t)
  const header = ['--header', 'x-team: blue', '--api-key-stdin']
  const mcp = await made(['mcp', 'create', 'tools', url, ...header], 'secret')
  assert.deepEqual([mcp.name, mcp.api_key_set], ['tools', true])
  const shown = (await cli(['mcp', 'get', mcp.id])).stdout
  const [, capability] = /^Capability +(mcp:\S+)$/m.exec(shown)!
  const flags = ['--name', 'Caller', '--system-prompt', 'You call.', '--capability']
  await made(['agents', 'create', ...flags, capability!])
  const refused = await cli(['agents', 'create', ...flags, mcp.id])
  assert.match(refused.stderr, new RegExp(`Did you mean \`${capability}\`\\?`))
  const well = await cli(['mcp', 'test', mcp.id])
  assert.match(well.stdout, /^It works: 1 tools[\s\S]*say +Does say\./)
  const changed = await made(['mcp', 'update', mcp.id, '--description', 'Ours.', '--disable'])
  assert.deepEqual([changed.description, changed.status], ['Ours.', 'disabled'])
  assert.equal((await cli(['mcp', 'update', mcp.id, '--header', 'nonsense'])).code, 2)
  assert.equal((await cli(['mcp', 'delete', mcp.id, '-y'])).code, 0)
})

test('mcp review shows the tools that changed, and confirms them', async (t) => {
  const tools = [textTool('say')]
  const { url } = await startMcp(t, { 'tools/list': ({ answer }) => answer({ tools }) })
  const { id } = await made(['mcp', 'create', 'reviewed', url])
  await made(['mcp', 'test', id])
  const same = await cli(['mcp', 'review', id])
  assert.match(same.stdout, /^No tool of reviewed changed since its list was reviewed\./)
  tools.push(textTool('shout'))
  await made(['mcp', 'test', id])
  const { code, stdout, stderr } = await cli(['mcp', 'review', id, '-y'])
  assert.deepEqual([code, stdout.trim()], [0, 'Confirmed 1 tool of reviewed.'])
  assert.match(stderr, /New or changed tools: shout/)
  assert.equal((await made(['mcp', 'get', id])).changed_tools, undefined)
})

test('creates a schedule from flags, and lists its runs', async () => {
  // Not due during the test.
  const when = ['--cron', '0 0 9 * * MON-FRI 2099', '--timezone', 'Europe/Kyiv', '--catch-up']
  const what = ['--agent', agent, '--message', 'Hello', '--title', 'Daily', '--max-catch-up', '3']
  const schedule = await made(['schedules', 'create', 'report', ...when, ...what])
  assert.deepEqual(schedule.target, {
    type: 'workflow',
    name: 'start_session',
    input: { agent_id: agent, text: 'Hello', title: 'Daily' },
  })
  assert.deepEqual([schedule.catch_up_missed, schedule.max_catch_up], [true, 3])
  const { id } = schedule
  assert.equal((await made(['schedules', 'pause', id])).enabled, false)
  assert.match((await cli(['schedules', 'resume', id])).stdout, /due in /)
  assert.equal(
    (await made(['schedules', 'update', id, '--cron', '0 0 8 * * * 2099'])).timezone,
    'Europe/Kyiv',
  )
  const { execution_id } = await made(['schedules', 'trigger', id])
  const runs: { id: string }[] = await eventually(async () => {
    const list = await made(['schedules', 'runs', id, '--status', 'completed'])
    return list.length > 0 && list
  })
  assert.equal(runs[0]!.id, execution_id)
  assert.match((await cli(['schedules', 'stats', id])).stdout, /Succeeded +1\n/)
  const wrong = [
    ['--cron', '0 9 * * *', '--message', 'x'],
    [
      '--cron',
      '0 9 * * *',
      '--message',
      'x',
      '--agent',
      agent,
      '--session',
      `session_${'0'.repeat(32)}`,
    ],
    ['--agent', agent, '--message', 'x'],
  ]
  for (const args of wrong) {
    assert.equal((await cli(['schedules', 'create', 'bad', ...args])).code, 2)
  }
  const cron = ['schedules', 'create', 'bad', '--cron', 'soon', '--agent', agent, '--message', 'x']
  assert.equal((await cli(cron)).code, 1)
  assert.equal((await cli(['schedules', 'delete', id, '-y'])).code, 0)
})

test('creates an alert from flags, changes it, and lists its firings', async () => {
  const create = ['alerts', 'create', 'Spend', '--metric', 'cost_usd']
  const alert = await made([...create, '--threshold', '2.5', '--window', '86400', '-a', agent])
  assert.deepEqual([alert.threshold, alert.window_seconds, alert.agent_id], [2.5, 86_400, agent])
  const changed = await made(['alerts', 'update', 'spend', '--repeat', '60', '--disable'])
  assert.deepEqual([changed.repeat_seconds, changed.enabled], [60, false])
  assert.equal((await made(['alerts', 'update', alert.id, '--no-repeat'])).repeat_seconds, null)
  assert.match((await cli(['alerts', 'get', alert.id])).stdout, /Fires at +\$2\.50\n/)
  assert.match((await cli(['alerts', 'list'])).stdout, /Spend +cost_usd +disabled/)
  assert.match((await cli(['alerts', 'firings', alert.id])).stderr, /It has not fired\./)
  const wrong = [[], ['--threshold', 'many'], ['--threshold', '-1'], ['--threshold', '1e9']]
  for (const args of wrong) assert.equal((await cli([...create, ...args])).code, 2)
  assert.equal((await cli([...create, '--threshold', '1', '--min-turns', '5'])).code, 1)
  assert.equal((await cli(['alerts', 'delete', alert.id, '-y'])).code, 0)
})

test('shows nodes, turns and the audit log', async () => {
  const nodes: { id: string }[] = await made(['workers', 'list'])
  const { id } = nodes[0]!
  assert.equal((await made(['workers', 'drain', id])).draining, true)
  assert.equal((await made(['workers', 'resume', id])).draining, false)
  // On a loaded machine no node may take turns for a moment.
  await eventually(async () => /Status +ok/.test((await cli(['workers', 'health'])).stdout))
  assert.deepEqual(await made(['workflows', 'list', '--status', 'failed']), [])
  const unknown = await cli(['workflows', 'get', `turn_${'0'.repeat(32)}`])
  assert.equal(unknown.code, 5)
  const entries: { action: string }[] = await made(['audit', 'list', '--action', 'drain_worker'])
  const lines = (await cli(['audit', 'export', '--action', 'drain_worker'])).stdout
  assert.equal(lines.trim().split('\n').length, entries.length)
})
