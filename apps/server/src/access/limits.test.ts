import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startGuarded } from '../../test/access.ts'
import { openTestPool } from '../../test/database.ts'
import { createLog } from '../log.ts'
import { createLimits } from './limits.ts'

const bucketsMax = 20
const bucket = (subject: string) => ({ subject, capacity: 3, seconds: 3_600 })

test('a flood of callers evicts the least recently used buckets, never one that is in use', async (t) => {
  const { databaseUrl } = await startGuarded(t)
  const db = openTestPool(databaseUrl)
  const limits = createLimits(db, createLog('error'), { bucketsMax })
  t.after(async () => {
    await limits.stop()
    await db.close()
  })
  const take = (subject: string) => limits.take([limits.bucket(bucket(subject))])
  for (let time = 0; time < 3; time += 1) take('busy')
  for (let caller = 0; caller < bucketsMax * 20; caller += 1) {
    take(`caller ${caller}`)
    if (caller % 5 === 0) assert.throws(() => take('busy'), { code: 'rate_limited' })
  }
  assert.throws(() => take('busy'), { code: 'rate_limited' })
})
