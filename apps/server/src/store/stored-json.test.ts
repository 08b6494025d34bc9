/** Stored JSON with escapes that PostgreSQL refuses to read: NUL and unpaired surrogates. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { runSql } from '../../test/database.ts'
import { beforeAll } from '../../test/hooks.ts'
import { createSchedule, sending, trigger, untilOver } from '../../test/schedules.ts'
import { startServer } from '../../test/server.ts'
import { createSession, eventsOf, scripted } from '../../test/session.ts'

let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
})

test('executions of all schedules end, also after a failure with unreadable data', async (t) => {
  // As in the log of a server of 0.1.
  await runSql(
    server.databaseUrl,
    String.raw`create function add_escapes() returns trigger language plpgsql as $$
    begin
      new.data := regexp_replace(new.data::text, '^\{', '{"odd":"\\u0000 \\ud800",')::json;
      return new;
    end $$`,
  )
  await runSql(
    server.databaseUrl,
    `create trigger add_escapes before insert on events for each row
    when (new.type = 'turn.failed') execute function add_escapes()`,
  )
  t.after(() => runSql(server.databaseUrl, 'drop trigger add_escapes on events'))
  const { id: sessionId } = await createSession(server)
  const text = scripted({ error: { message: 'boom', status: 400 } })
  const failing = await createSchedule(server, { target: sending(sessionId, { text }) })
  const other = await createSchedule(server)
  await trigger(server, failing.id)
  const [failed] = await untilOver(server, failing.id, 1)
  const { data } = (await eventsOf(server, sessionId)).find(({ type }) => type === 'turn.failed')!
  assert.equal((data as unknown as { odd: string }).odd, '\u0000 \ud800')
  assert.deepEqual([failed!.status, failed!.error], ['failed', (data as { error: string }).error])
  await trigger(server, other.id)
  const [completed] = await untilOver(server, other.id, 1)
  assert.equal(completed!.status, 'completed')
})
