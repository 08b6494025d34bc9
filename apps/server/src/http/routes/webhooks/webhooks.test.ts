import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { expectStatus, registerPerson, startGuarded } from '../../../../test/access.ts'
import { queryRows } from '../../../../test/database.ts'
import {
  createWebhook,
  expectSigned,
  startReceiver,
  startWithWebhooks,
} from '../../../../test/remotes/receiver.ts'
import { startServer } from '../../../../test/server.ts'
import { converse, createSession } from '../../../../test/session.ts'

test('a webhook is created, listed, changed and deleted; its secret is shown once', async (t) => {
  const { call, databaseUrl } = await startServer(t)
  const url = 'https://hooks.invalid/path?token=1'
  const { secret, ...webhook } = await createWebhook({ call }, url, { description: 'Mine' })
  assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/)
  const path = `/v1/webhooks/${webhook.id}`
  assert.deepEqual(expectStatus(await call('GET', path), 200), webhook)
  assert.deepEqual(expectStatus(await call('GET', '/v1/webhooks'), 200).data, [webhook])
  const [row] = await queryRows<{ secret: string }>(databaseUrl, 'select secret from webhooks')
  assert.ok(!row!.secret.includes(secret.slice('whsec_'.length)))
  const change = { events: ['turn.failed'], enabled: false, description: null }
  const changed = expectStatus(await call('PATCH', path, change), 200)
  assert.deepEqual({ ...webhook, ...change, updated_at: changed.updated_at }, changed)
  expectStatus(await call('DELETE', path), 204)
  expectStatus(await call('GET', path), 404, 'not_found')
  expectStatus(await call('PATCH', path, {}), 404, 'not_found')
  expectStatus(await call('DELETE', path), 404, 'not_found')
  expectStatus(await call('POST', `${path}/test`), 404, 'not_found')
})

test('refuses addresses, types and filters that are not valid', async (t) => {
  const { call } = await startServer(t)
  const refused = async (fields: object, status = 400) => {
    const body = { url: 'https://hooks.invalid/', events: ['turn.completed'], ...fields }
    expectStatus(await call('POST', '/v1/webhooks', body), status)
  }
  const addresses = [
    'ftp://hooks.invalid/',
    'hooks.invalid',
    'https://user:password@hooks.invalid/',
    'https://hooks.invalid/#fragment',
    'http://127.0.0.1/',
    'http://localhost:8080/',
    'http://[::1]/',
    'http://169.254.169.254/latest/meta-data',
    'http://0x7f000001/',
    `https://hooks.invalid/${'x'.repeat(2048)}`,
  ]
  for (const url of addresses) await refused({ url })
  const local = { url: 'http://localhost:3000/hook', events: ['turn.completed'] }
  const { error } = expectStatus(await call('POST', '/v1/webhooks', local), 400)
  assert.match(error, /`url` must .* PRIVATE_HOSTS_ALLOWED .* webhook=localhost:3000\.$/)
  for (const events of [[], ['turn.started'], ['turn.failed', 'turn.failed'], 'turn.failed']) {
    await refused({ events })
  }
  await refused({ agent_id: `agent_${'0'.repeat(32)}` }, 404)
  await refused({ channel_id: `appchan_${'0'.repeat(32)}` }, 404)
  await refused({ agent_id: 'agent' })
  const { id } = await createWebhook({ call }, 'https://hooks.invalid/')
  for (const url of addresses) {
    expectStatus(await call('PATCH', `/v1/webhooks/${id}`, { url }), 400)
  }
  for (const event of ['nothing', `event_${'0'.repeat(32)}`, '%00', 'x'.repeat(500)]) {
    const path = `/v1/webhooks/${id}/deliveries/${event}/resend`
    const { status } = await call('POST', path)
    assert.ok(status === 404 || status === 400 || status === 414, `${event}: ${status}`)
  }
})

test('an organization can have 100 webhooks', async (t) => {
  const { call } = await startServer(t)
  const create = () =>
    call('POST', '/v1/webhooks', { url: 'https://hooks.invalid/', events: ['turn.failed'] })
  for (let count = 0; count < 100; count += 1) expectStatus(await create(), 201)
  expectStatus(await create(), 403, 'quota_exceeded')
})

test('the audit log has the old and the new address of both kinds, without their queries', async (t) => {
  const { call } = await startServer(t)
  for (const kind of ['webhooks', 'task-webhooks']) {
    const body = { url: 'https://one.invalid/a?token=1', events: ['turn.failed'] }
    const { id } = expectStatus(await call('POST', `/v1/${kind}`, body), 201)
    const change = { url: 'https://two.invalid/b?token=2' }
    expectStatus(await call('PATCH', `/v1/${kind}/${id}`, change), 200)
    const { data } = expectStatus(await call('GET', `/v1/audit-log?target=${id}&limit=1`), 200)
    const details = { before: 'https://one.invalid/a', after: 'https://two.invalid/b' }
    assert.deepEqual(data[0].details, details)
  }
})

test('without a master key no webhook is created', async (t) => {
  const { call } = await startServer(t, { env: { SECRETS_ENCRYPTION_KEY: '' } })
  const body = { url: 'https://hooks.invalid/', events: ['turn.completed'] }
  expectStatus(await call('POST', '/v1/webhooks', body), 400, 'encryption_not_configured')
  const task = { url: body.url }
  expectStatus(await call('POST', '/v1/task-webhooks', task), 201)
})

test('a test request is signed and its outcome returned, also when it fails', async (t) => {
  const receiver = await startReceiver(t)
  const server = await startWithWebhooks(t)
  const webhook = await createWebhook(server, receiver.url, { enabled: false })
  const path = `/v1/webhooks/${webhook.id}/test`
  const good = expectStatus(await server.call('POST', path), 200)
  assert.deepEqual([good.ok, good.response_status, good.message], [true, 204, undefined])
  const [request] = receiver.ofType('webhook.test')
  expectSigned(request!, webhook.secret)
  receiver.answer(() => 503)
  const key = { 'idempotency-key': 'one' }
  for (const count of [2, 3]) {
    const answer = await server.call('POST', path, undefined, key)
    const bad = expectStatus(answer, 200)
    assert.deepEqual(
      [bad.ok, bad.response_status, bad.message],
      [false, 503, 'The receiver answered HTTP 503.'],
    )
    assert.equal(answer.headers.get('idempotency-replayed'), null)
    assert.equal(receiver.ofType('webhook.test').length, count)
  }
})

test('during the overlap of a rotation both secrets verify a request', async (t) => {
  const receiver = await startReceiver(t)
  const server = await startWithWebhooks(t)
  const webhook = await createWebhook(server, receiver.url)
  const path = `/v1/webhooks/${webhook.id}`
  const rotate = async (body?: object) =>
    expectStatus(await server.call('POST', `${path}/rotate`, body), 200)
  const second = await rotate()
  assert.notEqual(second.secret, webhook.secret)
  assert.notEqual(second.previous_secret_valid_until, null)
  expectStatus(await server.call('POST', `${path}/test`), 200)
  const [both] = receiver.received
  for (const { secret } of [webhook, second]) expectSigned(both!, secret)
  const third = await rotate({ overlap_hours: 0 })
  assert.equal(third.previous_secret_valid_until, null)
  expectStatus(await server.call('POST', `${path}/test`), 200)
  const one = receiver.received[1]!
  expectSigned(one, third.secret)
  assert.throws(() => expectSigned(one, second.secret))
  expectStatus(await server.call('POST', `${path}/rotate`, { overlap_hours: 169 }), 400)
})

test('a task webhook sends the ends of turns with the signature of published clients', async (t) => {
  const receiver = await startReceiver(t)
  const server = await startWithWebhooks(t)
  const secret = 'shared secret ü'
  const body = { url: receiver.url, secret }
  const made = expectStatus(await server.call('POST', '/v1/task-webhooks', body), 201)
  assert.deepEqual(Object.keys(made).sort(), [
    'created_at',
    'enabled',
    'has_secret',
    'id',
    'updated_at',
    'url',
  ])
  assert.equal(made.has_secret, true)
  const session = await createSession(server)
  await converse(t, server, session.id, 'hello')
  const [request] = await receiver.until('turn.completed')
  const hmac = createHmac('sha256', secret).update(request!.text).digest('hex')
  assert.equal(request!.headers['x-everruns-signature'], `sha256=${hmac}`)
  expectSigned(request!, `whsec_${Buffer.from(secret).toString('base64')}`)
  const { event, task, data } = request!.body
  assert.deepEqual([event, task.state, task.id], ['task.ended', 'succeeded', data.turn_id])
  assert.equal(task.session_id, session.id)
  const path = `/v1/task-webhooks/${made.id}`
  const bare = expectStatus(await server.call('PATCH', path, { secret: null }), 200)
  assert.equal(bare.has_secret, false)
  await converse(t, server, session.id, 'again')
  const [, unsigned] = await receiver.until('turn.completed', 2)
  assert.equal(unsigned!.headers['x-everruns-signature'], undefined)
  assert.equal(unsigned!.headers['webhook-signature'], undefined)
  assert.deepEqual(expectStatus(await server.call('GET', '/v1/task-webhooks'), 200).data, [bare])
  expectStatus(await server.call('GET', `/v1/webhooks/${made.id}`), 404)
  expectStatus(await server.call('DELETE', path), 204)
  expectStatus(await server.call('GET', path), 404)
})

test('webhooks of one organization get no event of another one', async (t) => {
  const receiver = await startReceiver(t)
  const env = { PRIVATE_HOSTS_ALLOWED: 'webhook=127.0.0.1@*' }
  const server = await startGuarded(t, { env })
  const [ada, bea] = [await registerPerson(server), await registerPerson(server)]
  const events = ['session.created']
  await createWebhook(ada, `${receiver.url}ada`, { events })
  await createWebhook(bea, `${receiver.url}bea`, { events })
  const mine = { call: ada.call, url: server.url }
  const session = await createSession(mine)
  const theirs = await createSession({ call: bea.call, url: server.url })
  await receiver.until('session.created', 2)
  const got = receiver.received.map(({ path, body }) => [path, body.data.session_id])
  assert.deepEqual(got.sort(), [
    ['/ada', session.id],
    ['/bea', theirs.id],
  ])
})

test('secrets of webhooks are in no list, audit entry, log or table', async (t) => {
  const texts: string[] = []
  t.mock.method(process.stderr, 'write', (text: string) => texts.push(text) > 0)
  const receiver = await startReceiver(t)
  const server = await startWithWebhooks(t, { env: { LOG_LEVEL: 'debug' } })
  const webhook = await createWebhook(server, receiver.url)
  const path = `/v1/webhooks/${webhook.id}`
  const rotated = expectStatus(await server.call('POST', `${path}/rotate`), 200)
  const task = 'a secret of the client'
  const body = { url: receiver.url, secret: task }
  const once = { 'idempotency-key': 'once' }
  expectStatus(await server.call('POST', '/v1/task-webhooks', body, once), 201)
  receiver.answer(() => 500)
  expectStatus(await server.call('POST', `${path}/test`), 200)
  t.mock.restoreAll()
  for (const one of ['/v1/webhooks', '/v1/task-webhooks', '/v1/audit-log?limit=100', path]) {
    texts.push(JSON.stringify((await server.call('GET', one)).body))
  }
  for (const table of ['webhooks', 'webhook_deliveries', 'audit_log', 'idempotency_keys']) {
    texts.push(JSON.stringify(await queryRows(server.databaseUrl, `select * from ${table}`)))
  }
  const all = texts.join()
  assert.match(all, /rotate_webhook/)
  for (const secret of [webhook.secret, rotated.secret, task]) {
    assert.ok(!all.includes(secret.replace('whsec_', '')), secret)
  }
})
