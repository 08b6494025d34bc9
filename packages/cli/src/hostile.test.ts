import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { describe, type TestContext, test } from 'node:test'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import { eventually } from '../../../apps/server/test/waiting.ts'
import { runHere } from '../test/here.ts'
import { program } from '../test/program.ts'
import { cutsAfter, type Listener, startHttp, startProxy } from '../test/proxy.ts'
import { atTerminal } from '../test/terminal.ts'
import { widthOf } from './output/width.ts'

let url: string
let session: string

beforeAll(async (t) => {
  const server = await startServer(t as TestContext, { env: { SSE_HEARTBEAT_MS: '200' } })
  url = server.url
  const agent = (await server.call('GET', '/v1/agents')).body.data[0].id
  session = (await server.call('POST', '/v1/sessions', { agent_id: agent })).body.id
})

const stack = /\n {4}at |node:internal|UnhandledPromise|\[object /
/** Sequences that could move a cursor or turn colors on. */
const control = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/

const controlOrBidi = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/

/** A line of a shell in which `outlast` is the program. Its exit code is that of the program. */
async function shell(line: string, env: Record<string, string> = {}) {
  const node = `'${process.execPath}' --disable-warning=ExperimentalWarning '${program}'`
  const child = spawn('bash', ['-c', `set -o pipefail; ${line.replace('outlast', node)}`], {
    env: { PATH: process.env.PATH, OUTLAST_URL: url, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  assert.doesNotMatch(stdout + stderr, stack, line)
  return { code, stdout, stderr }
}

describe('output streams that are closed, full or not read', { concurrency: 2 }, () => {
  for (const [line, code] of [
    ['outlast agents list <&-', 0],
    ['outlast agents list >&-', 0],
    ['outlast agents list 2>&-', 0],
    ['outlast status <&- >&- 2>&-', 0],
    ['outlast agents list --json | head -1', 0],
    ['outlast status | true', 0],
    ['outlast nothing 2>&-', 2],
    ['outlast chat <&-', 2],
    ...(existsSync('/dev/full') ? ([['outlast agents list >/dev/full', 1]] as const) : []),
  ] as const) {
    test(line, async () => {
      const ended = await shell(line)
      assert.equal(ended.code, code, ended.stderr)
    })
  }

  test('runs without a home folder, and with the C locale', async () => {
    const homes: Record<string, string>[] = [{ HOME: '/dev/null' }, {}, { LC_ALL: 'C', HOME: '' }]
    for (const env of homes) {
      const { code, stdout } = await shell('outlast agents list --quiet', env)
      assert.equal(code, 0)
      assert.match(stdout, /^agent_/)
    }
  })
})

const commands = () => [
  ['agents', 'list'],
  ['sessions', 'get', session],
  ['messages', 'list', session],
  ['events', session],
  ['files', 'ls', session],
  ['chat', 'hello', '--session', session],
  ['status'],
  ['doctor'],
]

/** Every command against no server or a broken one: a code, a sentence, and nothing raw. */
async function againstAll(server: string, codes: readonly number[], env = {}) {
  await Promise.all(
    commands().map(async (args) => {
      const { code, stdout, stderr } = await runHere([...args, '--url', server], { env })
      const said = `${args.join(' ')}: ${code} ${stdout}${stderr}`
      assert.ok(codes.includes(code!), said)
      assert.doesNotMatch(stdout + stderr, stack, said)
      assert.doesNotMatch(stdout + stderr, control, said)
      const isTold = args[0] === 'doctor' ? /wrong/ : /^outlast: \S|not /m
      if (code !== 0) assert.match(stdout + stderr, isTold, said)
    }),
  )
}

const answering =
  (status: number, type: string, body: string, headers: object = {}): Listener =>
  (_incoming, outgoing) =>
    outgoing.writeHead(status, { 'content-type': type, ...headers }).end(body)

const evil = '\\u001b]0;title\\u0007\\u001b[31mred\\u009b2J'

describe('responses of broken or other servers', { concurrency: true }, () => {
  for (const [what, codes, listener] of [
    ['a page', [3], answering(200, 'text/html', '<html>\x1b[31m')],
    ['a page of a proxy', [3], answering(404, 'text/html', '<h1>no</h1>')],
    ['half of a JSON', [3], answering(200, 'application/json', '{"data": [')],
    ['a list of somebody else', [0, 1, 3], answering(200, 'application/json', '[]')],
    ['words of somebody else', [0, 1, 3], answering(200, 'application/json', '"words"')],
    ['nothing', [0, 1, 3], answering(200, 'application/json', 'null')],
    ['an answer without a body', [1, 3], answering(200, 'application/json', '')],
    [
      'too many requests',
      [1, 3],
      answering(429, 'application/json', '{"error":"Too many requests.","code":"rate_limited"}', {
        'retry-after': '3600',
      }),
    ],
    [
      'an error that would paint the terminal',
      [1, 3],
      answering(500, 'application/json', `{"error":"${evil}","code":"internal_error"}`),
    ],
  ] as const) {
    test(what, async (t) => againstAll(await startHttp(t, listener), codes))
  }

  test('a server that closes connections', async (t) => {
    await againstAll(await startHttp(t, ({ socket }) => socket.destroy()), [3])
  })

  test('no server at the address', async () => againstAll('http://127.0.0.1:1', [3]))
})

/** Sequences that the program itself writes to a terminal. */
const ours = /\x1b\[(?:\d*[mKJGC]|\?2004[hl])/g
const clean = (raw: string, about: string) =>
  assert.doesNotMatch(raw.replace(ours, '').replaceAll('\r', ''), controlOrBidi, about)

test('removes control sequences from names, exports and JSON of a server', async (t) => {
  const agent = `agent_${'0'.repeat(32)}`
  const hostile = 'a\x1b]0;title\x07\x1b[2J\x9b2J\u202eb'
  const organization = { id: 'org_1', name: hostile, role: 'owner', created_at: '2026-01-01' }
  const answers: Record<string, unknown> = {
    '/v1/auth/config': { mode: 'full', password_auth_enabled: true, oauth_providers: [] },
    '/v1/auth/login': { access_token: 'token' },
    '/v1/orgs': { data: [organization, organization], total: 2, offset: 0, limit: 100 },
    [`/v1/agents/${agent}`]: { id: agent, name: hostile, system_prompt: hostile, capabilities: [] },
  }
  const url = await startHttp(t, (incoming, outgoing) => {
    incoming.resume()
    const path = incoming.url!.split('?')[0]!
    if (path.endsWith('/export')) {
      const type = path.includes('agents') ? 'text/markdown' : 'application/x-ndjson'
      outgoing.writeHead(200, { 'content-type': type }).end(hostile)
      return
    }
    outgoing.setHeader('content-type', 'application/json')
    outgoing.end(JSON.stringify(answers[path] ?? { data: [organization], total: 1 }))
  })
  const login = atTerminal(t, ['login', url, '--email', 'a@example.com'])
  await login.sees(/Password: ?$/)
  login.type('x\r')
  await login.sees(/1 {2}a[\s\S]*Which organization\? \[1-2\] ?$/)
  clean(login.raw(), 'login')
  for (const args of [
    ['agents', 'export', agent],
    ['sessions', 'export', `session_${'0'.repeat(32)}`],
    ['agents', 'get', agent],
    ['agents', 'get', agent, '--json'],
    ['orgs', 'list'],
    ['orgs', 'list', '--json'],
  ]) {
    const ended = atTerminal(t, [...args, '--url', url])
    await ended.code
    assert.match(ended.raw(), /a.*b/s, args.join(' '))
    clean(ended.raw(), args.join(' '))
  }
  const piped = await runHere(['agents', 'export', agent, '--url', url])
  assert.equal(piped.stdout, hostile)
})

test('removes control sequences from the provider that the doctor tests', async (t) => {
  const hostile = 'a\x1b]0;title\x07\x1b[2J\x9b2J\u202eb'
  const provider = {
    id: 'provider_1',
    name: hostile,
    provider_type: 'openai',
    api_key_set: true,
    status: 'active',
  }
  const answers: Record<string, unknown> = {
    '/v1/agents': { data: [], total: 0 },
    '/v1/sessions': { data: [], total: 0 },
    '/v1/llm-providers': { data: [provider], total: 1 },
    '/v1/llm-providers/provider_1/test': { ok: true, model: hostile, latency_ms: 1 },
  }
  const target = url
  const front = await startHttp(t, async (incoming, outgoing) => {
    incoming.resume()
    const path = incoming.url!.split('?')[0]!
    outgoing.setHeader('content-type', 'application/json')
    if (answers[path]) return void outgoing.end(JSON.stringify(answers[path]))
    const answer = await fetch(target + incoming.url)
    outgoing.writeHead(answer.status).end(await answer.text())
  })
  const doctor = atTerminal(t, ['doctor', '--url', front])
  await doctor.code
  assert.match(doctor.raw(), /Checking whether a.*b answers/)
  clean(doctor.raw(), 'doctor')
})

test('removes control sequences from all fields of a transcript', async (t) => {
  const id = `session_${'0'.repeat(32)}`
  const event = {
    id: `event_${'0'.repeat(32)}`,
    type: 'input.message',
    ts: '\x1bc\x1b]0;title\x07\x1b[2J',
    sequence: 1,
    session_id: id,
    data: { message: { role: 'user', content: [{ type: 'text', text: 'a\x1b[2Jb' }] } },
  }
  const url = await startHttp(t, (incoming, outgoing) => {
    incoming.resume()
    outgoing.setHeader('content-type', 'application/json')
    const path = incoming.url!.split('?')[0]!
    const list = { data: [event, { ...event, sequence: 2, ts: undefined }], total: 2 }
    outgoing.end(JSON.stringify(path.endsWith('/events') ? list : { id, name: 'A', agent_id: 'x' }))
  })
  const { stdout, code } = await runHere(['sessions', 'log', id, '--url', url])
  assert.equal(code, 0)
  assert.match(stdout, /a.*b/)
  assert.doesNotMatch(stdout, controlOrBidi)
})

test('removes control sequences from all events of a turn in a conversation', async (t) => {
  const hostile = 'a\x1b]52;c;cm0gLXJmIH4=\x07\x1b[2J\x1b[1;1H\x9b2J\u202e\u2066b'
  const id = `session_${'0'.repeat(32)}`
  const tool_call = { id: 'call_1', name: hostile, arguments: { [hostile]: hostile } }
  const about = { tool_call_id: 'call_1', tool_name: hostile }
  const result = [{ type: 'text', text: hostile }]
  const events = [
    ['reason.thinking.delta', { delta: hostile }],
    ['reason.thinking.completed', { thinking: hostile }],
    ['output.message.delta', { delta: hostile }],
    ['tool.input.delta', { tool_call_id: 'call_1', name: hostile, delta: hostile }],
    ['tool.started', { tool_call }],
    ['tool.progress', { ...about, progress: 1, total: 2, message: hostile }],
    ['tool.completed', { ...about, success: true, status: 'success', result }],
    ['turn.failed', { error: hostile, error_code: hostile }],
    ['session.idled', {}],
  ].map(([type, data], at) => ({ id: `event_${at}`, type, sequence: at + 2, context: {}, data }))
  const url = await startHttp(t, (incoming, outgoing) => {
    incoming.resume()
    const isStream = incoming.url!.includes('/sse')
    outgoing.setHeader('content-type', isStream ? 'text/event-stream' : 'application/json')
    if (!isStream) {
      outgoing.end(JSON.stringify({ id, agent_id: 'x', status: 'idle', sequence: 1 }))
      return
    }
    outgoing.write('event: connected\ndata: {}\n\n')
    for (const event of events) {
      outgoing.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
    }
  })
  for (const more of [[], ['--verbose']]) {
    const chat = atTerminal(t, ['chat', 'hello', '--session', id, ...more, '--url', url])
    await chat.code
    assert.match(chat.raw(), /1 of 2 a/)
    assert.match(chat.raw(), /The turn failed/)
    clean(chat.raw(), more.join(' '))
  }
})

test('closes the connection of an export when the disk is full', {
  skip: !existsSync('/dev/full'),
}, async (t) => {
  const closed = Promise.withResolvers<void>()
  const url = await startHttp(t, (incoming, outgoing) => {
    incoming.resume()
    outgoing.writeHead(200, { 'content-type': 'application/x-ndjson' })
    outgoing.write(`${'x'.repeat(100_000)}\n`)
    const more = setInterval(() => outgoing.write(`${'x'.repeat(100_000)}\n`), 10)
    outgoing.on('close', () => {
      clearInterval(more)
      closed.resolve()
    })
  })
  const args = ['sessions', 'export', `session_${'0'.repeat(32)}`, '-o', '/dev/full']
  const { stderr, code } = await runHere([...args, '--url', url])
  assert.equal(code, 2)
  assert.match(stderr, /\/dev\/full cannot be written/)
  await closed.promise
})

test('refuses a name when there are too many resources to compare', async (t) => {
  const url = await startHttp(t, (incoming, outgoing) => {
    incoming.resume()
    const offset = Number(new URL(incoming.url!, 'http://here').searchParams.get('offset') ?? 0)
    const data = Array.from({ length: 100 }, (_, at) => ({
      id: `agent_${String(offset + at).padStart(32, '0')}`,
      name: offset + at === 5 ? 'Ada' : `Agent ${offset + at}`,
    }))
    outgoing.setHeader('content-type', 'application/json')
    outgoing.end(JSON.stringify({ data, total: 1_000_000, offset, limit: 100 }))
  })
  const { stderr, code } = await runHere(['agents', 'delete', 'Ada', '--yes', '--url', url])
  assert.equal(code, 2)
  assert.match(stderr, /Only the newest 2000 agents were searched.*Use the whole id/)
})

test('completes an exchange through a proxy that cuts every stream', async (t) => {
  const cut = await startProxy(t, url, cutsAfter(100))
  const { code, stdout } = await runHere(['chat', 'hello', '--quiet', '--url', cut])
  assert.equal(code, 0)
  assert.notEqual(stdout.trim(), '')
})

test('refuses invalid arguments in words, and never prints a key', async () => {
  const secret = 'evr_secret\nsecond'
  for (const [args, code] of [
    [['agents', 'get', 'x'.repeat(100_000)], 5],
    [['agents', 'get', '\0'], 5],
    [['agents', 'get', '\ufffd\ud800'], 5],
    [['agents', 'get', ''], 2],
    [['agents', 'get', '..'], 5],
    [['agents', 'create', '-f', '/nonexistent/\0'], 2],
    [['agents', 'create', '-f', '/'], 2],
    [['files', 'push', session, '/nonexistent/file'], 2],
    [['images', 'delete', 'a\x1b[2Jb', 'c', '--yes'], 1],
    [['agents', 'list', '--limit', '-1'], 2],
    [['agents', 'list', '--limit', '1e99'], 2],
    [['agents', 'list', '--api-key', secret], 2],
    [['agents', 'list', '--org', 'ä b'], 2],
    [['doctor', '--streams-for', '1e3'], 2],
  ] as const) {
    const ended = await runHere([...args, ...['--url', url]])
    const { stdout, stderr } = ended
    assert.equal(ended.code, code, `${args.join(' ').slice(0, 100)}: ${stderr}`)
    assert.doesNotMatch(stdout + stderr, stack)
    assert.doesNotMatch(stdout + stderr, control)
    assert.doesNotMatch(stdout + stderr, /evr_secret/)
  }
  const { code, stderr } = await runHere(['agents', 'list', '--url', 'http://u:hush@x'])
  assert.equal(code, 2)
  assert.doesNotMatch(stderr, /hush/)
})

test('fits the doctor to 20 columns, except for longer words', async () => {
  // On a busy machine the server may not reach its database at the moment.
  const { stdout } = await eventually(async () => {
    const ended = await runHere(['doctor', '--url', url], { columns: 20 })
    return ended.stdout.includes('stream') ? ended : undefined
  })
  const wide = stdout
    .replace(/\x1b\[\d*m/g, '')
    .split('\n')
    .filter((line) => widthOf(line) > 20 && line.trim().includes(' '))
  assert.deepEqual(wide, [])
})
