import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestPool } from '../../../test/database.ts'
import { startServer } from '../../../test/server.ts'
import { createSession } from '../../../test/session.ts'
import { defaultOrganization } from '../models/seeds.ts'
import { openStorage } from './session-storage.ts'
import { StaleAttemptError } from './stale-attempt.ts'

test('an attempt at a turn that is not the current one changes nothing', async (t) => {
  const server = await startServer(t)
  const { id: sessionId } = await createSession(server)
  const db = openTestPool(server.databaseUrl)
  const of = { db, secrets: undefined, orgId: defaultOrganization, sessionId }
  const free = openStorage(of).values
  await free.set('a', 'before')
  const stale = openStorage({ ...of, run: () => ({ turnId: 'turn_of_old', attempt: 1 }) }).values
  await assert.rejects(stale.set('a', 'after'), StaleAttemptError)
  await assert.rejects(stale.set('b', 'new'), StaleAttemptError)
  await assert.rejects(stale.remove('a'), StaleAttemptError)
  // A stale attempt may read: its results are never stored.
  assert.equal(await stale.get('a'), 'before')
  assert.deepEqual(
    (await free.list()).map(({ name }) => name),
    ['a'],
  )
  await db.close()
})

test('stores nothing for a session that does not exist or belongs to another organization', async (t) => {
  const server = await startServer(t)
  const { id: sessionId } = await createSession(server)
  const db = openTestPool(server.databaseUrl)
  const storage = openStorage({ db, secrets: undefined, orgId: `org_${'f'.repeat(32)}`, sessionId })
  await assert.rejects(storage.values.set('a', 'x'), { code: 'not_found' })
  assert.equal(await storage.values.get('a'), undefined)
  await db.close()
})
