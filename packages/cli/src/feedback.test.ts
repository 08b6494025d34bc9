import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import { printedBy, runHere } from '../test/here.ts'

let url: string
let session: string
let reply: { id: string }

const cli = (...args: string[]) => runHere(args, { env: { OUTLAST_URL: url }, input: '' })

const made = async (...args: string[]) => JSON.parse(await printedBy(cli(...args, '--json')))

beforeAll(async (t) => {
  url = (await startServer(t as TestContext)).url
  session = (await made('sessions', 'create', '-a', 'Assistant')).id
  await cli('messages', 'send', session, 'Hello', '--wait')
  reply = (await made('messages', 'list', session)).at(-1)
})

test('rates a reply and finds its session, and withdraws the rating', async () => {
  const given = await made('sessions', 'feedback', session, reply.id, 'down', '--comment', 'Short.')
  assert.deepEqual([given.message_id, given.rating, given.comment], [reply.id, 'down', 'Short.'])
  const rated = async (kind: string) =>
    (await made('sessions', 'list', '--feedback', kind)).map((one: { id: string }) => one.id)
  assert.deepEqual([await rated('down'), await rated('up')], [[session], []])
  const events = (await cli('events', session, '--types', 'feedback.given')).stdout
  assert.match(events, /feedback\.given +down by Anonymous Short\./)
  assert.equal((await made('sessions', 'feedback', session, reply.id, 'none')).rating, null)
  assert.deepEqual(await rated('any'), [])
  const wrong = await cli('sessions', 'feedback', session, reply.id, 'great')
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /up, down or none/)
})

test('prints a link to a session, lists it and revokes it', async () => {
  const args = ['sessions', 'share', session, '--name', 'Review', '--details']
  const { stdout, code } = await cli(...args)
  assert.equal(code, 0)
  assert.ok(stdout.startsWith(`${url}/shared/${session}#`))
  const [share] = await made('sessions', 'shares', session)
  assert.deepEqual([share.name, share.include], ['Review', ['details']])
  assert.equal((await made('sessions', 'revoke-share', session, share.id)).revoked, true)
  assert.deepEqual(await made('sessions', 'shares', session), [])
})
