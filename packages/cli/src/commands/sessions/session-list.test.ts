import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../../../apps/server/test/hooks.ts'
import { startServer } from '../../../../../apps/server/test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  scripted,
} from '../../../../../apps/server/test/session.ts'
import { eventually } from '../../../../../apps/server/test/waiting.ts'
import { printedBy, runHere } from '../../../test/here.ts'

let server: Awaited<ReturnType<typeof startServer>>
beforeAll(async (t) => {
  server = await startServer(t as TestContext)
})

const list = (...flags: string[]) =>
  runHere(['sessions', 'list', ...flags], { env: { OUTLAST_URL: server.url } })

const titlesOf = async (...flags: string[]) =>
  JSON.parse(await printedBy(list(...flags, '--json'))).map(({ title }: { title: string }) => title)

test('lists sessions by words, failure, user, model, cost, time and source', async (t) => {
  const { id: agent_id } = await createAgent(server)
  const { id } = await createSession(server, { agent_id, title: 'Failed', user: 'ann' })
  await converse(t, server, id, scripted({ error: { message: 'No.', status: 400 } }))
  const talk = await createSession(server, { agent_id, title: 'Talk' })
  await converse(t, server, talk.id, scripted({ text: 'The aardvark digs at night.' }))
  const fork = { title: 'Fork' }
  await server.call('POST', `/v1/sessions/${talk.id}/fork`, fork)
  const after = new Date(Date.now() + 3_600_000).toISOString()

  assert.deepEqual(await titlesOf('--status', 'failed'), ['Failed'])
  assert.deepEqual(await titlesOf('--status', 'waiting'), [])
  assert.deepEqual(await titlesOf('--user', 'ann'), ['Failed'])
  assert.deepEqual(await titlesOf('--fork', talk.id), ['Fork'])
  assert.deepEqual(await titlesOf('--since', after), [])
  assert.deepEqual(await titlesOf('--until', after), ['Fork', 'Talk', 'Failed'])
  assert.deepEqual(await titlesOf('--cost-above', '1000'), [])
  await eventually(async () => (await titlesOf('--words', '"aardvark digs"')).length === 2)
  const { stdout } = await list('--words', 'aardv*')
  assert.match(stdout, /FOUND[\s\S]*The aardvark digs at night/)
  await eventually(async () => (await titlesOf('--sort', 'last_activity')).length === 3)
})

test('refuses a cost that is no number', async () => {
  const { code, stderr } = await list('--cost-above', 'much')
  assert.equal(code, 2)
  assert.match(stderr, /--cost-above needs a number of dollars/)
})
