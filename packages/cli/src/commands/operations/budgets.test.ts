import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../../../apps/server/test/hooks.ts'
import { startServer } from '../../../../../apps/server/test/server.ts'
import { converse, createAgent, createSession } from '../../../../../apps/server/test/session.ts'
import { printedBy, runHere } from '../../../test/here.ts'

let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
  await createAgent(server, { name: 'Support' })
})

const cli = (...args: string[]) => runHere(args, { env: { OUTLAST_URL: server.url } })

const run = (...args: string[]) => printedBy(cli(...args))

test('a budget of an agent is created, shown, changed, topped up and deleted', async () => {
  const period = ['--per', 'month', '--timezone', 'Europe/Kyiv']
  const about = ['50', 'usd', '--agent', 'Support', '--soft-limit', '40', ...period]
  const id = await run('budgets', 'create', ...about, '--quiet')
  assert.match(await run('budgets', 'list'), new RegExp(`${id} +agent .* 50 +50 usd`))
  const shown = await run('budgets', 'get', id)
  assert.match(shown, /Left +50 usd\n/)
  assert.match(shown, /Period +each month \(Europe\/Kyiv\)\n/)
  assert.match(await run('budgets', 'update', id, '--limit', '60.5'), /active, with 60.5 usd left/)
  assert.match(await run('budgets', 'top-up', id, '2', '--reason', 'Approved'), /with 62.5 usd/)
  assert.match(await run('budgets', 'ledger', id), /top_up +-2 .*Approved/)
  assert.match(await run('budgets', 'pause', id), /is paused/)
  const paused = await cli('budgets', 'check', id)
  assert.equal(paused.code, 1)
  assert.match(paused.stdout, /is paused/)
  assert.match(await run('budgets', 'resume', id), /is active/)
  assert.equal(await run('budgets', 'check', id), 'Model calls can begin.')
  await run('budgets', 'delete', id, '--yes')
  assert.equal(JSON.parse(await run('budgets', 'get', id, '--json')).status, 'disabled')
})

test('a budget without a subject is one of the organization', async () => {
  const id = await run('budgets', 'create', '1000', 'tokens', '--every', '5h', '--quiet')
  const { subject_type, period } = JSON.parse(await run('budgets', 'get', id, '--json'))
  assert.deepEqual([subject_type, period], ['organization', { type: 'rolling', window: '5h' }])
})

test('amounts, subjects and periods that contradict each other are refused', async () => {
  for (const args of [
    ['create', 'many', 'usd'],
    ['create', '-5', 'usd'],
    ['create', '5'],
    ['create', '5', 'usd', '--agent', 'Support', '--end-user', 'ada'],
    ['create', '5', 'usd', '--per', 'month', '--every', '5h'],
    ['create', '5', 'usd', '--timezone', 'Europe/Kyiv'],
    ['update', `bdgt_${'0'.repeat(32)}`],
  ]) {
    assert.equal((await cli('budgets', ...args)).code, 2, args.join(' '))
  }
  assert.equal((await cli('budgets', 'get', `bdgt_${'0'.repeat(32)}`)).code, 5)
})

test('paused budgets of a session are resumed by the session', async () => {
  const session = await createSession(server)
  const id = await run('budgets', 'create', '5', 'usd', '--session', session.id, '--quiet')
  await run('budgets', 'pause', id)
  assert.match(await run('sessions', 'resume', session.id), /Resumed 1 budget/)
  assert.match(await run('budgets', 'get', id), /Status +active/)
})

test('usage is a table by day or by any other group, with a sum', async (t) => {
  const session = await createSession(server, { user: 'ada' })
  await converse(t, server, session.id, 'Hello')
  const { stdout, stderr } = await cli('usage')
  assert.match(stdout, /DAY +CALLS +IN +OUT .*\n\d{4}-\d\d-\d\d +\d+ /)
  assert.match(stderr, /Sum from .*: \d+ calls/)
  assert.match(await run('usage', '--by', 'user', '--by', 'agent'), /AGENT +USER +CALLS/)
  const report = JSON.parse(await run('usage', '--user', 'ada', '--json'))
  assert.equal(report.sum.model_calls, 1)
  assert.equal((await cli('usage', '--from', 'yesterday')).code, 1)
})

test('a budget in a unit that no model call uses is created with a note', async () => {
  const { code, stderr } = await cli('budgets', 'create', '50', 'dollars')
  assert.equal(code, 0)
  assert.match(stderr, /Model calls do not use dollars. They use usd, tokens, credits\./)
  assert.doesNotMatch((await cli('budgets', 'create', '50', 'usd')).stderr, /Model calls/)
})
