import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Session } from '@outlast/contract'
import { Type } from 'typebox'
import { expectStatus } from '../../../../test/access.ts'
import { door, expectError } from '../../../../test/files.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import { startServer } from '../../../../test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  eventsOf,
  post,
  scripted,
} from '../../../../test/session.ts'
import { useTools } from '../../../../test/tool-session.ts'
import { defineCapability } from '../../../capabilities/capability.ts'
import { builtins } from '../../../capabilities/index.ts'

const configSecret = 'hunter2-hunter2'

/** A capability with a secret in its config. */
const locked = defineCapability({
  id: 'locked',
  name: 'Locked',
  description: 'For tests.',
  category: 'Testing',
  icon: 'lock',
  status: 'available',
  config: Type.Object({ key: Type.Optional(Type.String({ writeOnly: true })) }),
  sessionRules: { key: 'session' },
  tools: () => [],
})

let server: Awaited<ReturnType<typeof startServer>>
beforeAll(async (t) => {
  server = await startServer(t as never, { capabilities: [...builtins, locked] })
})

// biome-ignore lint/suspicious/noExplicitAny: tests look into lines of every shape
type Line = any

const urlOf = (id: string, query = '') => `/v1/sessions/${id}/export${query}`

async function exported(id: string, query = '') {
  const text: string = expectStatus(await server.call('GET', urlOf(id, query)), 200)
  assert.ok(text.endsWith('\n'))
  const lines: Line[] = text
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line))
  const of = (type: string) => lines.flatMap((line) => (line.type === type ? [line[type]] : []))
  return { text, lines, of, end: lines.at(-1) }
}

async function session(fields: object = {}): Promise<Session> {
  const refs = ['test_math', 'session_file_system', 'session_storage']
  const capabilities = refs.map((ref) => ({ ref }))
  const agent = await createAgent(server, { name: 'Ada', system_prompt: 'Be Ada.', capabilities })
  return createSession(server, { agent_id: agent.id, ...fields })
}

test('an export is the session, its events as the API gives them, names, files and an end', async (t) => {
  const { id, agent_id } = await session({ title: 'Sums' })
  const add = { name: 'add', arguments: { a: 2, b: 3 } }
  await converse(t, server, id, scripted({ tool_calls: [add] }, { text: 'five\u2028\n' }))
  await door(server, id).create('/notes/a.txt', { content: 'one' })
  await useTools(t, server, id, ['set_value', { key: 'k', value: 'a value' }])
  const { lines, of, end } = await exported(id)
  const { is_pinned: _, ...shown } = (await server.call('GET', `/v1/sessions/${id}`)).body
  const agent = { id: agent_id, name: 'Ada', system_prompt: 'Be Ada.' }
  assert.deepEqual(lines[0], { type: 'session', version: 1, session: shown, agent })
  const events = await eventsOf(server, id)
  assert.deepEqual(of('event'), events)
  const files = (await door(server, id).call('GET', '?recursive=true')).body.data
  assert.deepEqual(of('file'), files)
  const [stored] = of('stored')
  assert.deepEqual([stored.kind, stored.name], ['value', 'k'])
  assert.deepEqual(end, { type: 'end', events: events.length, stored: 1, files: 2 })
  assert.equal(lines.length, events.length + 5)
})

test('it comes as a file of lines that browsers keep', async () => {
  const { id } = await session()
  const { headers } = await server.call('GET', urlOf(id))
  assert.equal(headers.get('content-type'), 'application/x-ndjson; charset=utf-8')
  assert.equal(headers.get('content-disposition'), `attachment; filename="${id}.jsonl"`)
  const { lines } = await exported(id)
  assert.deepEqual(
    lines.map(({ type }) => type),
    ['session', 'event', 'end'],
  )
})

test('exports file contents on request', async () => {
  const { id } = await session()
  const { create, call } = door(server, id)
  const long = 'x"Grüße 😀\n'.repeat(100_000)
  const longBytes = Buffer.alloc(500_001, 'binary\0').toString('base64')
  await create('/a/text.txt', { content: 'Grüße "now"\n' })
  await create('/a/bytes', {
    content: Buffer.from([0, 255, 1]).toString('base64'),
    encoding: 'base64',
  })
  await create('/copy.txt', { content: 'Grüße "now"\n' })
  await create('/empty', {})
  await create('/"long".txt"', { content: long })
  await create('/long', { content: longBytes, encoding: 'base64' })
  await create('/z', { is_directory: true })
  const { of, end } = await exported(id, '?files=content')
  const files = of('file')
  const paths = files.map(({ path }) => path)
  const expected = [
    '/"long".txt"',
    '/a',
    '/a/bytes',
    '/a/text.txt',
    '/copy.txt',
    '/empty',
    '/long',
    '/z',
  ]
  assert.deepEqual([paths, end.files], [expected, 8])
  for (const file of files.filter(({ is_directory }) => !is_directory)) {
    assert.deepEqual(file, (await call('GET', encodeURI(file.path))).body, file.path)
  }
})

test('no secret is in an export, kept by name or in a config', async (t) => {
  const { id } = await session({ capabilities: [{ ref: 'locked', config: { key: configSecret } }] })
  await useTools(t, server, id, ['set_value', { key: 'k', value: 'v' }])
  const before = await exported(id)
  const secret = 'correct-horse-battery'
  await useTools(t, server, id, ['set_secret', { name: 'token', value: secret }])
  const { text, of } = await exported(id)
  assert.deepEqual(
    of('stored').map(({ kind, name }) => `${kind} ${name}`),
    ['secret token', 'value k'],
  )
  assert.ok(!text.includes(configSecret))
  assert.ok(!text.includes('dek_wrapped'))
  // The call that set it is in the log, as readers of the session see it.
  const told = text.split('\n').filter((line) => line.includes(secret))
  assert.ok(told.every((line) => line.startsWith('{"type":"event"')))
  assert.ok(!before.text.includes(secret))
})

test('an export ends where the log did when it began', async (t) => {
  const { id } = await session()
  await converse(t, server, id, 'Hello')
  const events = await eventsOf(server, id)
  const response = await fetch(server.url + urlOf(id))
  await post(server, id, 'One more')
  const end = JSON.parse((await response.text()).trim().split('\n').at(-1)!)
  assert.equal(end.events, events.length)
})

test('an export whose session goes in the middle breaks off, and has no end', async () => {
  const { id } = await session()
  const { create } = door(server, id)
  for (let n = 0; n < 20; n += 1) await create(`/${n}`, { content: `${n}`.repeat(700_000) })
  const response = await fetch(server.url + urlOf(id, '?files=content'))
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = (await reader.read()).value!
  expectStatus(await server.call('DELETE', `/v1/sessions/${id}`), 204)
  await assert.rejects(async () => {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      text += value
    }
  })
  assert.ok(!text.includes('"type":"end"'))
})

test('reports an error before the first line', async () => {
  const { id } = await session()
  const get = (path: string) => server.call('GET', path)
  expectError(await get(urlOf(`session_${'a'.repeat(32)}`)), [404, 'not_found'])
  expectError(await get(urlOf('session_1')), [400, 'invalid_id'])
  expectError(await get(urlOf(id, '?files=all')), [400, 'invalid_request'])
  expectStatus(await server.call('DELETE', `/v1/sessions/${id}`), 204)
  expectError(await get(urlOf(id)), [404, 'not_found'])
})
