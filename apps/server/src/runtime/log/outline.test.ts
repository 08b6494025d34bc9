import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestPool } from '../../../test/database.ts'
import { testCapability, testTool } from '../../../test/processes/own-code.ts'
import { startServer } from '../../../test/server.ts'
import { createAgent, createSession, post, scripted } from '../../../test/session.ts'
import { eventually, patient } from '../../../test/waiting.ts'
import { builtins } from '../../capabilities/index.ts'
import { databaseWaits } from '../../store/database.ts'
import { readEvents } from '../../store/log/events.ts'
import { readOutline } from '../../store/turns/turn-outline.ts'
import { findCurrentTurn } from '../../store/turns/turns.ts'
import { loggedEvent } from '../journal/journal.ts'
import { fold } from './state.ts'

const long = 'x\u001b'.repeat(20_000)

const survey = {
  type: 'client_side',
  name: 'survey',
  description: 'Surveys the site.',
  parameters: { type: 'object', properties: {} },
}

test('an outline of a turn has its state and no texts of results and messages', async (t) => {
  const own = testCapability([testTool({ name: 'dig', run: () => long })])
  const server = await startServer(t, { capabilities: [...builtins, own] })
  const agent = await createAgent(server, { tools: [survey], capabilities: [{ ref: 'own' }] })
  const session = await createSession(server, { agent_id: agent.id })
  const { id } = session
  const dig = (call: string) => ({ id: call, name: 'dig', arguments: {} })
  const ask = { id: 'call_ask', name: 'survey', arguments: {} }
  const step = (...tool_calls: object[]) => ({ tool_calls }) as never
  const script = scripted(step(dig('a'), dig('b')), step(dig('c')), step(dig('d'), ask))
  await post(server, id, script)
  const path = `/v1/sessions/${id}`
  await eventually(async () => (await server.call('GET', path)).body.waiting_for)
  await post(server, id, `Next: ${long}`, { on_busy: 'queue' })
  const db = openTestPool(server.databaseUrl)
  t.after(db.close)
  const { rows: orgs } = await db.pool.query('select org_id from sessions where id = $1', [id])
  const turn = await findCurrentTurn(db, orgs[0].org_id, id)
  const { turn_id: turnId, turn_input: inputId, turn_from: from } = turn!
  const after = from - 1
  const whole = await readEvents(db, id, { after, limit: 1_000 })
  const outline = await readOutline(db, id, { after })
  const state = (rows: typeof whole) => fold(turnId!, inputId, rows.map(loggedEvent))
  const { input, ...known } = state(outline)
  const { input: wholeInput, ...expected } = state(whole)
  assert.deepEqual(known, expected)
  assert.deepEqual(input, { ...wholeInput, text: undefined })
  assert.deepEqual([known.phase.kind, known.queued.length], ['acting', 1])
  const length = (rows: typeof whole) => rows.reduce((sum, { data }) => sum + data.length, 0)
  assert.ok(length(whole) > 5 * long.length)
  assert.ok(length(outline) < long.length / 2, `${length(outline)}`)
})

test('a turn can be cancelled while long messages with NUL wait behind it', async (t) => {
  const limits = { ...patient, statement: databaseWaits.statement }
  const server = await startServer(t, { databaseWaits: limits })
  const agent = await createAgent(server, { tools: [survey] })
  const { id } = await createSession(server, { agent_id: agent.id })
  const ask = { id: 'call_ask', name: 'survey', arguments: {} }
  await post(server, id, scripted({ tool_calls: [ask] }))
  const path = `/v1/sessions/${id}`
  await eventually(async () => (await server.call('GET', path)).body.waiting_for)
  const text = 'abcdefg\0'.repeat(500_000)
  for (let count = 0; count < 8; count += 1) {
    assert.equal((await post(server, id, text, { on_busy: 'queue' })).status, 201)
  }
  const cancelled = await server.call('POST', `${path}/cancel`)
  assert.deepEqual([cancelled.status, cancelled.body.status], [200, 'cancelled'])
})
