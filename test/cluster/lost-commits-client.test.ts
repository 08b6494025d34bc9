import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import {
  createOutlast,
  type Event,
  isOutlastError,
  type Resume,
} from '../../packages/sdk/src/index.ts'
import { gatedWorld } from '../crash/gates.ts'
import { scopeOf, startNodeHere } from '../crash/scenario.ts'
import { startWorld, worldlySession } from '../crash/world.ts'
import { startLosingDatabase } from '../lost-commits.ts'

async function scene(t: TestContext) {
  const scope = scopeOf(t)
  const database = await startLosingDatabase(scope)
  const gates = gatedWorld()
  const world = await startWorld(scope, gates)
  const node = await startNodeHere(scope, { databaseUrl: database.url, worldUrl: world.url })
  const { session } = await worldlySession(node, world)
  const outlast = createOutlast({ url: node.url, retriesMax: 50 })
  return { database, gates, outlast, session: outlast.session(session.id) }
}

/** Events of a session that a program has received so far. */
function follower(session: Awaited<ReturnType<typeof scene>>['session']) {
  const events: Event[] = []
  const changes: Resume[] = []
  const stream = session.events({
    exclude: ['output.message.delta', 'reason.thinking.delta'],
    onHistoryChanged(resume) {
      changes.push(resume)
      while ((events.at(-1)?.sequence ?? 0) > resume.sequence) events.pop()
    },
  })
  return {
    events,
    changes,
    /** Reads until the last event is the end of the turn of the message with this text. */
    async untilAnswered(words: string) {
      const isThere = () => events.some(({ data }) => JSON.stringify(data).includes(words))
      while (!isThere() || events.at(-1)!.type !== 'session.idled') {
        events.push((await stream.next()).value as Event)
      }
    },
  }
}

test("a client's stream resumes after the last remaining event and reports its id", async (t) => {
  const { database, outlast, session } = await scene(t)
  const ours = follower(session)
  await session.send('before')
  await ours.untilAnswered('before')
  const last = ours.events.at(-1)!
  await database.save()
  await session.send('lost')
  await ours.untilAnswered('lost')
  await database.lose()
  session.send('real').catch(() => {})
  await ours.untilAnswered('real')
  assert.deepEqual(ours.changes, [{ since_id: last.id, sequence: last.sequence }])
  const { data } = await outlast.events.list(session.id)
  assert.deepEqual(ours.events, data)
})

test('a turn whose message was lost fails with history_changed', async (t) => {
  const { database, gates, session } = await scene(t)
  await session.send('before')
  await database.save()
  const words = 'text that is lost'
  const turn = session.send(words)
  const failed = assert.rejects(Promise.resolve(turn), (error) =>
    isOutlastError(error, 'history_changed'),
  )
  await gates.gate(words).reached
  await database.lose()
  gates.gate(words).open()
  await failed
})

test('a turn that lost later events has the answer from the log', async (t) => {
  const { database, gates, outlast, session } = await scene(t)
  await session.send('before')
  const words = 'text that goes on'
  const seen: Event[] = []
  const turn = session.send(words)
  await gates.gate(words).reached
  await database.save()
  const reading = (async () => {
    for await (const event of turn) seen.push(event)
  })()
  const more = { role: 'user' as const, content: [{ type: 'text' as const, text: 'more' }] }
  await outlast.messages.create(session.id, { message: more })
  await database.lose()
  gates.gate(words).open()
  gates.gate(`${words} again`).open()
  await reading
  assert.match((await turn).text, /two: /)
  const { data } = await outlast.events.list(session.id)
  assert.equal(data.at(-1)!.type, 'session.idled')
  const ended = seen.filter(({ type }) => type === 'turn.completed')
  assert.equal(ended.length, 1)
  assert.ok(data.some(({ id }) => id === ended[0]!.id))
})
