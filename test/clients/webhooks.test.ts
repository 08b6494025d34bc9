import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { expectStatus } from '../../apps/server/test/access.ts'
import {
  createWebhook,
  type Received,
  startReceiver,
  startWithWebhooks,
} from '../../apps/server/test/remotes/receiver.ts'
import { converse, createSession } from '../../apps/server/test/session.ts'

/** Programs that verify a request with several libraries. */
const programs = JSON.parse(process.env.OUTLAST_TEST_CLIENTS ?? '[]') as string[][]
const libraries = ['standardwebhooks', 'svix', 'openai']

test('programs are prepared', () => assert.equal(programs.length, 2))

function verify([program, ...args]: string[], { text, headers }: Received, secret: string) {
  const input = JSON.stringify({ body: text, headers, secret })
  const { status, stdout, stderr } = spawnSync(program!, args, { input, encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout) as string[]
}

test('libraries of receivers accept a request with either secret of an overlap, and no other', async (t) => {
  const receiver = await startReceiver(t)
  const server = await startWithWebhooks(t)
  const first = await createWebhook(server, receiver.url)
  const path = `/v1/webhooks/${first.id}/rotate`
  const second = expectStatus(await server.call('POST', path), 200)
  await converse(t, server, (await createSession(server)).id, 'hello')
  const [request] = await receiver.until('turn.completed')
  const changed = { ...request!, text: request!.text.replace('idle', 'active') }
  const { secret: other } = await createWebhook(server, receiver.url)
  for (const program of programs) {
    assert.deepEqual(verify(program, request!, first.secret), libraries)
    assert.deepEqual(verify(program, request!, second.secret), libraries)
    assert.deepEqual(verify(program, request!, other), [])
    assert.deepEqual(verify(program, changed, first.secret), [])
  }
})
