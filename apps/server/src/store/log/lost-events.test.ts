import assert from 'node:assert/strict'
import test from 'node:test'
import { openTestPool } from '../../../test/database.ts'
import { startServer } from '../../../test/server.ts'
import { createSession, eventsOf, post } from '../../../test/session.ts'
import { appendToTurn } from '../turns/turn-appends.ts'
import { takeTurn } from '../turns/turns.ts'
import { parkTurn } from '../turns/waits.ts'

test('appends and parks nothing behind an event that the log lacks, at the same sequence or none', async (t) => {
  const server = await startServer(t, { env: { ROLE: 'api' } })
  const { id: sessionId } = await createSession(server)
  await post(server, sessionId, 'hello')
  const db = openTestPool(server.databaseUrl)
  t.after(db.close)
  const { rows } = await db.pool.query('select id, org_id from turns where session_id = $1', [
    sessionId,
  ])
  const run = { orgId: rows[0].org_id, sessionId, turnId: rows[0].id }
  const taken = await takeTurn(db, run, 'node_here')
  const attempt = taken!.turn_attempt
  const before = await eventsOf(server, sessionId)
  const { sequence, ts } = before.at(-1)!
  const events = [{ type: 'turn.started' as const, context: '{}', data: '{}' }]
  const lost = [
    { sequence, ts: new Date(Date.parse(ts) - 1).toISOString() },
    { sequence: sequence! + 1, ts },
  ]
  const wait = {
    waitingFor: { type: 'approval' as const, tool_call_ids: [], since: ts, calls: [] },
  }
  for (const { sequence, ts } of lost) {
    const last = { sequence: sequence!, ts }
    assert.equal(await appendToTurn(db, { ...run, attempt }, { after: last, events }), undefined)
    const at = { nodeId: 'node_here', last, ...wait, expiresAt: '2100-01-01T00:00:00.000Z' }
    assert.equal(await parkTurn(db, { ...run, attempt }, at), false)
  }
  assert.deepEqual(await eventsOf(server, sessionId), before)
  const after = { sequence: sequence!, ts }
  const appended = await appendToTurn(db, { ...run, attempt }, { after, events })
  assert.equal(appended?.sequence, sequence! + 1)
})
