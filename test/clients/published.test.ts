import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import {
  createKey,
  expectStatus,
  signInAdmin,
  startGuarded,
} from '../../apps/server/test/access.ts'
import { newKey, openChannel } from '../../apps/server/test/channel.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { formOf, pngOf } from '../../apps/server/test/pictures.ts'
import { createAgent, scripted } from '../../apps/server/test/session.ts'
import { runCommand } from '../process.ts'
import type { PublishedClient } from './published-client.ts'

/** One line that a driving program prints. */
type Step = { step: string; ok: boolean; note: string | null }

const clients = JSON.parse(process.env.OUTLAST_TEST_CLIENTS ?? '[]') as PublishedClient[]
const words = Array.from({ length: 120 }, (_, n) => `word${n}`).join(' ')
/** Much shorter than the slow message, so that its stream is closed and reopened several times. */
const cycleMs = 400
/** How often a driving program resumes a stream by itself: behind a call, and inside a message. */
const resumedByItself = 2
/** Characters of a note in its line. */
const noteMax = 300

const sum = { name: 'add', arguments: { a: 2, b: 3 } }
const door = { name: 'open_door', arguments: {} }
const write = { name: 'write_file', arguments: { path: '/a', content: 'x' } }
const secret = { name: 'get_secret', arguments: { name: 'TOKEN' } }
const colors = [{ label: 'Red' }, { label: 'Blue' }]
const ask = {
  name: 'ask_user',
  arguments: { questions: [{ question: 'Which color?', options: colors }] },
}
/** The channel and its agent. */
const about = {
  config: { visibility: 'activity', tool_approvals: 'caller' },
  agent: {
    capabilities: [
      { ref: 'test_math' },
      { ref: 'ask_user' },
      { ref: 'session_file_system', config: { requires_approval: ['write_file'] } },
    ],
  },
}

let given: Record<string, string>
let resumed = 0

beforeAll(async (context) => {
  const t = context as TestContext
  const server = await startGuarded(t, { env: { SSE_CYCLE_MS: String(cycleMs) } })
  const { key, call } = await createKey(server, await signInAdmin(server))
  const caller = { url: server.url, call }
  const math = await createAgent(caller, { capabilities: [{ ref: 'test_math' }] })
  const parameters = { type: 'object', properties: {} }
  const tool = { type: 'client_side', name: 'open_door', description: 'Opens.', parameters }
  const channel = await openChannel(caller, about)
  const { secret: plainKey } = await newKey(channel.manage, { permissions: ['sessions'] })
  const image = pngOf(3, 2)
  const { id: imageId } = expectStatus(await call('POST', '/v1/images', formOf(image)), 201)
  const url = `${await watched(t, server.url)}/api`
  given = {
    url,
    agent_url: `${url}${channel.base}`,
    agent_key: channel.secret,
    plain_key: plainKey,
    image_id: imageId,
    image: image.toString('base64'),
    org_id: expectStatus(await call('GET', '/v1/auth/me'), 200).organization_id,
    failure: scripted({ error: { message: 'Refused.', status: 400 } }),
    key,
    math_agent: math.id,
    tool_agent: (await createAgent(caller, { tools: [tool] })).id,
    sum: scripted({ text: 'Let me add.', tool_calls: [sum] }, { text: 'It is 5.' }),
    door: scripted({ tool_calls: [door] }, { text: 'It is open.' }),
    question: scripted({ tool_calls: [ask] }, { text: 'Thank you.' }),
    write: scripted({ tool_calls: [write] }, { text: 'It is written.' }),
    secret: scripted({ tool_calls: [secret] }, { text: 'I have it.' }),
    endless: scripted({ text: words, tokens_per_second: 5 }),
    slow: scripted({ text: words, tokens_per_second: 60 }),
  }
})

/** A proxy to the server that counts resumed streams. */
async function watched(t: TestContext, url: string): Promise<string> {
  const target = Number(new URL(url).port)
  const proxy = net.createServer((client) => {
    const server = net.connect(target, '127.0.0.1')
    client.on('data', (data) => {
      if (/^GET \S+\/sse\?\S*since_id=/m.test(data.toString('latin1'))) resumed += 1
    })
    client.pipe(server).pipe(client)
    client.on('error', () => server.destroy())
    server.on('error', () => client.destroy())
  })
  await once(proxy.listen(0, '127.0.0.1'), 'listening')
  t.after(() => proxy.close())
  return `http://127.0.0.1:${(proxy.address() as net.AddressInfo).port}`
}

test('clients are prepared', () => assert.notEqual(clients.length, 0))

for (const client of clients) {
  test(`${client.name}${client.required ? '' : ', may fail'}`, async (t) => {
    const steps = await drive(client)
    for (const { step, ok, note } of steps) {
      const more = note ? ` (${note.replace(/\s+/g, ' ').slice(0, noteMax)})` : ''
      const name = `${client.name}: ${step}${ok ? '' : ' FAILS'}${more}`
      await t.test(name, () => assert.ok(ok || !client.required, note ?? ''))
    }
  })
}

async function drive({ command, problem }: PublishedClient): Promise<Step[]> {
  if (!command) return [{ step: 'building', ok: false, note: problem ?? null }]
  resumed = 0
  const [program, ...args] = command
  const env = { PATH: process.env.PATH!, CLIENT_TEST: JSON.stringify(given) }
  const { code, output } = await runCommand({ program: program!, args, env })
  const lines = output.split('\n').filter((line) => line.startsWith('{'))
  const steps = lines.map((line) => JSON.parse(line) as Step)
  const again = resumed > resumedByItself
  steps.push({ step: 'connecting again when told to', ok: again, note: `${resumed} times resumed` })
  if (code === 0 && lines.length > 0) return steps
  return [...steps, { step: 'running', ok: false, note: `exit code ${code}: ${output}` }]
}
