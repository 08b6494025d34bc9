import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../../../apps/server/test/hooks.ts'
import { startServer } from '../../../../../apps/server/test/server.ts'
import { createSession, eventsOf, scripted } from '../../../../../apps/server/test/session.ts'
import { eventually } from '../../../../../apps/server/test/waiting.ts'
import { runHere } from '../../../test/here.ts'

let server: Awaited<ReturnType<typeof startServer>>
let folder: string

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
  folder = await mkdtemp(path.join(tmpdir(), 'outlast-'))
  ;(t as TestContext).after(() => rm(folder, { recursive: true }))
})

const send = (...args: string[]) => runHere(['messages', 'send', ...args, '--url', server.url])

async function file(name: string, content: unknown) {
  const at = path.join(folder, name)
  await writeFile(at, typeof content === 'string' ? content : JSON.stringify(content))
  return at
}

const schema = { type: 'object', properties: { total: { type: 'number' } }, required: ['total'] }

test('prints the answer by a schema as JSON', async () => {
  const { id } = await createSession(server)
  const at = await file('schema.json', schema)
  const script = scripted({ output: { total: 3 } })
  const { code, stdout } = await send(id, '--output', at, '--wait', script)
  assert.deepEqual([code, JSON.parse(stdout)], [0, { total: 3 }])
})

test('reports an answer that stays invalid', async () => {
  const { id } = await createSession(server)
  const at = await file('schema.json', schema)
  const script = scripted({ text: 'a' }, { text: 'b' })
  const { code, stderr } = await send(id, '--output', at, '--wait', script)
  assert.notEqual(code, 0)
  assert.match(stderr, /does not match the output schema/)
})

test('sends instructions, context, tools and a schema with a message', async () => {
  const { id } = await createSession(server)
  const tools = [{ type: 'client_side', name: 'lamp', description: 'Lights.' }]
  const files = ['--tools', await file('tools.json', tools), '--output', await file('s', schema)]
  const facts = ['--context', 'Page=/a=b', '--context', 'Cart=2']
  const { code } = await send(id, 'Hello', ...files, ...facts, '--instructions', 'Be brief.')
  assert.equal(code, 0)
  const { body } = await server.call('GET', `/v1/sessions/${id}/messages`)
  const [message] = body.data
  assert.deepEqual(message.tools, tools)
  assert.deepEqual(message.controls, { output_schema: schema })
  assert.equal(message.instructions, 'Be brief.')
  assert.deepEqual(message.context, [
    { description: 'Page', value: '/a=b' },
    { description: 'Cart', value: '2' },
  ])
})

test('refuses files and values that it cannot send', async () => {
  const { id } = await createSession(server)
  const refused = [
    ['--output', await file('broken.json', '{')],
    ['--output', await file('list.json', [])],
    ['--output', path.join(folder, 'missing.json')],
    ['--tools', await file('object.json', {})],
    ['--context', '=value'],
    ['--wait', '--tools', await file('tools.json', [])],
  ]
  for (const flags of refused) {
    const { code, stderr } = await send(id, 'Hello', ...flags)
    assert.equal(code, 2, `${flags.join(' ')}: ${stderr}`)
  }
})

test('sends a message only after the last event that the caller has read', async () => {
  const { id } = await createSession(server)
  assert.equal((await send(id, '--wait', 'One.')).code, 0)
  const late = await send(id, '--if-sequence', '1', 'Two.')
  assert.notEqual(late.code, 0)
  assert.match(late.stderr, /changed meanwhile/)
  const { data } = (await server.call('GET', `/v1/sessions/${id}/events?limit=100`)).body
  const { code } = await send(id, '--if-sequence', String(data.at(-1).sequence), 'Two.')
  assert.equal(code, 0)
  assert.equal((await send(id, '--if-sequence', 'last', 'Two.')).code, 2)
})

test('sends a message only while the session has the key', async () => {
  const { id } = await createSession(server, { key: 'support' })
  const late = await send(id, '--if-key', 'sales', 'One.')
  assert.notEqual(late.code, 0)
  assert.match(late.stderr, /changed meanwhile/)
  assert.equal((await send(id, '--if-key', 'support', '--wait', 'One.')).code, 0)
})

test('--quiet prints that the turn was cancelled', async () => {
  const { id } = await createSession(server)
  const slow = scripted({ text: `${'word '.repeat(200)}end`, tokens_per_second: 2 })
  const waiting = send(id, '--wait', '--quiet', slow)
  await eventually(async () =>
    (await eventsOf(server, id)).find(({ type }) => type === 'reason.started'),
  )
  await server.call('POST', `/v1/sessions/${id}/cancel`)
  const { code, stderr } = await waiting
  assert.deepEqual([code, stderr], [1, 'The turn was cancelled.\n'])
})

test('reads files with a byte order mark, and text from stdin that ends in CR LF', async () => {
  const { id } = await createSession(server)
  const at = await file('marked.json', `\ufeff${JSON.stringify(schema)}`)
  const args = ['messages', 'send', id, '--output', at, '--url', server.url]
  const { code, stderr } = await runHere(args, { input: 'Two\r\nlines.\r\n' })
  assert.equal(code, 0, stderr)
  const { body } = await server.call('GET', `/v1/sessions/${id}/messages`)
  assert.equal(body.data[0].content[0].text, 'Two\r\nlines.')
  assert.deepEqual(body.data[0].controls, { output_schema: schema })
})
