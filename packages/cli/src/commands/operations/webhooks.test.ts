import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../../../apps/server/test/hooks.ts'
import {
  expectSigned,
  startReceiver,
  startWithWebhooks,
} from '../../../../../apps/server/test/remotes/receiver.ts'
import { createAgent, createSession } from '../../../../../apps/server/test/session.ts'
import { printedBy, runHere } from '../../../test/here.ts'

let server: Awaited<ReturnType<typeof startWithWebhooks>>
let receiver: Awaited<ReturnType<typeof startReceiver>>

beforeAll(async (t) => {
  receiver = await startReceiver(t as TestContext)
  server = await startWithWebhooks(t as TestContext)
})

const cli = (...args: string[]) =>
  runHere(['webhooks', ...args], { env: { OUTLAST_URL: server.url } })

const run = (...args: string[]) => printedBy(cli(...args))

test('manages a webhook from its creation to its deletion', async () => {
  const made = JSON.parse(await run('create', receiver.url, '--event', 'session.created', '--json'))
  assert.match(await run('list'), new RegExp(`${made.id} .+ session.created +enabled`))
  assert.match(await run('test', made.id), /It works: HTTP 204/)
  const secret = await run('rotate', made.id, '--overlap-hours', '0', '--quiet')
  const { id } = await createSession(server)
  const [request] = await receiver.until('session.created')
  expectSigned(request!, secret)
  assert.equal(request!.body.data.session_id, id)
  assert.match(await run('deliveries', made.id), new RegExp(`${request!.id} +session.created`))
  await run('resend', made.id, request!.id)
  const [first, second] = await receiver.until('session.created', 2)
  assert.equal(first!.id, second!.id)
  receiver.answer(() => 500)
  assert.equal((await cli('test', made.id)).code, 1)
  await run('update', receiver.url, '--disable', '--description', 'Mine')
  assert.match(await run('get', made.id), /Description +Mine\n.*Enabled +no\n/s)
  const agent = await createAgent(server, { name: 'Support' })
  await run('update', made.id, '--agent', 'Support')
  assert.match(await run('get', made.id), new RegExp(`Agent +${agent.id}`))
  await run('update', made.id, '--no-agent')
  assert.match(await run('get', made.id), /Agent +-/)
  await run('delete', made.id, '--yes')
  assert.equal((await cli('get', made.id)).code, 5)
})

test('the help lists the types of events', async () => {
  const help = await run('create', '--help')
  for (const type of ['turn.completed', 'alert.resolved']) assert.ok(help.includes(type), type)
})

test('a change needs a flag, and types must be known', async () => {
  const { id } = JSON.parse(await run('create', 'https://hooks.invalid/', '--json'))
  assert.equal((await cli('update', id)).code, 2)
  assert.equal((await cli('update', id, '--event', 'nothing')).code, 1)
})
