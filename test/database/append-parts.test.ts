/** An append's extra writes in every combination: each has a statement with only its parts. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Database } from '../../apps/server/src/store/database.ts'
import type { NewEvent } from '../../apps/server/src/store/log/log-sql.ts'
import { textHash } from '../../apps/server/src/store/stored-texts.ts'
import { type Appending, appendToTurn } from '../../apps/server/src/store/turns/turn-appends.ts'
import { takeTurn } from '../../apps/server/src/store/turns/turns.ts'
import { openTestPool, queryRows } from '../../apps/server/test/database.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createSession, eventsOf, post } from '../../apps/server/test/session.ts'

let server: Awaited<ReturnType<typeof startServer>>
let db: Database

/** Turns stay in place: an api node takes none. */
beforeAll(async (t) => {
  const scope = t as TestContext
  server = await startServer(scope, { env: { ROLE: 'api' } })
  db = openTestPool(server.databaseUrl, 2)
  scope.after(db.close)
})

const event = (type: NewEvent['type']): NewEvent => ({ type, context: '{}', data: '{}' })
const usage = { input_tokens: 3, output_tokens: 5, cache_read_tokens: 2, cost_usd: 0.000_001 }

const counted = `
select coalesce(sum(input_tokens), 0)::int as input, coalesce(sum(cost_nanos), 0)::int as cost,
  coalesce(sum(stored_bytes) filter (where agent_id <> 'texts'), 0)::int as bytes,
  coalesce(sum(stored_bytes) filter (where agent_id = 'texts'), 0)::int as texts,
  (select coalesce(sum(calls), 0)::int from usage_days where model = 'a-model') as calls,
  (select coalesce(sum(output_tokens), 0)::int from usage_days) as output
from counters where agent_id <> ''`

const rowsOf = `
select s.status, s.input_tokens::int as input, s.cost_nanos::int as cost, s.output_preview as preview,
  s.context_prompt as prompt, s.turn_tries as tries, s.turn_id,
  (select array_agg(t.id) from turns t where t.session_id = s.id) as turns,
  (select array_agg(j.key) from graphile_worker.jobs j where j.key = s.turn_id and s.turn_node is null) as jobs,
  (select array_agg(f.error_code) from failed_turns f where f.session_id = s.id) as failures
from sessions s where s.id = $1`

type Counted = Record<'input' | 'cost' | 'bytes' | 'texts' | 'calls' | 'output', number>
type Asked = {
  hasUsage: boolean
  bytes: number
  hasTexts: boolean
  hasRest: boolean
  end: 'idle' | 'next' | 'failure' | undefined
}

async function count() {
  const [row] = await queryRows<Counted>(server.databaseUrl, counted)
  return row!
}

let numbers = 0

async function check({ hasUsage, bytes, hasTexts, hasRest, end }: Asked) {
  numbers += 1
  const { id } = await createSession(server)
  await post(server, id, 'hello')
  const [session] = await queryRows<{ org_id: string; turn_id: string }>(
    server.databaseUrl,
    'select org_id, turn_id from sessions where id = $1',
    [id],
  )
  const ref = { orgId: session!.org_id, sessionId: id, turnId: session!.turn_id }
  await takeTurn(db, ref, 'node_one')
  const log = await eventsOf(server, id)
  const { sequence, ts } = log.at(-1)!
  const next = { turnId: `turn_next${numbers}`, from: sequence!, input: 'message_next' }
  const input = { messageId: 'message_one', sequence: sequence! }
  const what: Appending = {
    events: [event('turn.started')],
    after: { sequence: sequence!, ts },
    bytes,
    ...(hasUsage && { usage, usedModel: 'a-model' }),
    ...(hasTexts && { texts: ['one', 'two'].map((text) => textOf(`${text} ${numbers}`)) }),
    ...(hasRest && { outcome: true, outputPreview: 'Hi', context: { sequence: 1, prompt: 'p' } }),
    ...(end && {
      ending: {
        events: [event('turn.completed')],
        sequence: sequence!,
        next: end === 'next' ? next : undefined,
        ...(end === 'failure' && {
          failure: { input, nodeId: 'node_one', error: 'It failed.', code: 'turn_crashed' },
        }),
      },
    }),
  }
  const before = await count()
  const appended = await appendToTurn(db, { ...ref, attempt: 1 }, what)
  const added = end ? 2 : 1
  assert.deepEqual([appended?.added, appended?.ended], [added, end !== undefined])
  assert.equal((await eventsOf(server, id)).length, log.length + added)

  const after = await count()
  const length = `one ${numbers}two ${numbers}`.length
  assert.deepEqual(after, {
    input: before.input + (hasUsage ? 3 : 0),
    cost: before.cost + (hasUsage ? 1_000 : 0),
    bytes: before.bytes + bytes,
    texts: before.texts + (hasTexts ? length : 0),
    calls: before.calls + (hasUsage ? 1 : 0),
    output: before.output + (hasUsage ? 5 : 0),
  })
  const turn_id = end === undefined ? ref.turnId : end === 'next' ? next.turnId : null
  const [row] = await queryRows(server.databaseUrl, rowsOf, [id])
  assert.deepEqual(row, {
    status: end === 'idle' || end === 'failure' ? 'idle' : 'active',
    input: hasUsage ? 3 : 0,
    cost: hasUsage ? 1_000 : null,
    preview: hasRest ? 'Hi' : null,
    prompt: hasRest ? 'p' : null,
    tries: hasRest || end ? 0 : 1,
    turn_id,
    turns: turn_id && [turn_id],
    jobs: end === 'next' ? [next.turnId] : null,
    failures: end === 'failure' ? ['turn_crashed'] : null,
  })
}

const textOf = (body: string) => ({ hash: textHash(body), body })

for (const end of [undefined, 'idle', 'next', 'failure'] as const) {
  test(`an append stores all of its parts, its end: ${end ?? 'none'}`, async () => {
    for (let bits = 0; bits < 16; bits += 1) {
      const has = (bit: number) => (bits & bit) > 0
      const asked = { hasUsage: has(1), bytes: has(2) ? 7 : 0, hasTexts: has(4), hasRest: has(8) }
      await check({ ...asked, end })
    }
  })
}
