import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { createSession } from '../../apps/server/test/session.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { startProcess } from '../process.ts'

/** Delays the start of each thread that searches files by more than the time of a search. */
const slowStarts = `
import { workerData } from 'node:worker_threads'
const never = new Int32Array(new SharedArrayBuffer(4))
if (workerData?.waits) Atomics.wait(never, 0, 0, 13_000)`

test('a search whose thread starts slowly has its whole time', async (t) => {
  const server = await startProcess({
    DATABASE_URL: await createTestDatabase(t),
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(slowStarts)}`,
  })
  t.after(() => server.stop())
  const files = `/v1/sessions/${(await createSession(server)).id}/fs`
  await server.call('POST', `${files}/a.txt`, { content: 'needle' })
  const { status, body } = await eventually(async () => {
    const answer = await server.call('POST', `${files}/_/grep`, { pattern: 'needle' })
    return answer.status === 503 ? undefined : answer
  })
  assert.equal(status, 200, JSON.stringify(body))
  assert.equal(body.data[0].path, '/a.txt')
})
