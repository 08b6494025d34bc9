import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll } from '../../../../apps/server/test/hooks.ts'
import { startClient } from '../../test/session.ts'
import type { Answer, Event, OnBusy, SessionHandle } from '../index.ts'

let client: Awaited<ReturnType<typeof startClient>>
/** An agent whose model repeats every message without a reply. */
let agent_id: string

const simulatedProvider = 'provider_01933b5a000070008000000000000003'

beforeAll(async (t) => {
  client = await startClient(t as TestContext)
  const { outlast } = client
  const name = 'llmsim-echo-tps-400'
  const about = { model_id: name, display_name: name }
  const { id } = await outlast.providers.createModel(simulatedProvider, about)
  const agent = { name: 'Echo', system_prompt: 'x', default_model_id: id }
  agent_id = (await outlast.agents.create(agent)).id
})

const ways: OnBusy[] = ['steer', 'steer', 'queue', 'interrupt', 'reject']
const messagesEach = 12

/** Posts messages at random times with random `on_busy`, and sometimes cancels. */
async function talk(session: SessionHandle) {
  const sent: { mark: string; way: OnBusy; answer: Promise<Answer | 'refused'> }[] = []
  for (let n = 0; n < messagesEach; n++) {
    const way = ways[Math.floor(Math.random() * ways.length)]!
    const mark = `mark${n}x`
    const turn = session.send(`${mark} ${'and more words '.repeat(6)}`, { on_busy: way })
    const answer = turn.catch((error) => {
      assert.equal(error.code, 'session_busy', String(error))
      return 'refused' as const
    })
    sent.push({ mark, way, answer })
    if (Math.random() < 0.15) await turn.cancel().catch(() => {})
    await sleep(Math.random() * 60)
  }
  return Promise.all(sent.map(async (one) => ({ ...one, answer: await one.answer })))
}

/** The turn that answers each message by the log: it begins for it or calls the model later. */
async function turnsOf(session: SessionHandle) {
  const { data } = await client.outlast.events.list(session.id)
  const completed = new Map<string, string>()
  for (const { type, context, data: about } of data as Event[]) {
    if (type === 'output.message.completed') {
      const [part] = about.message.content
      completed.set(context.turn_id!, part?.type === 'text' ? part.text : '')
    }
  }
  return completed
}

test('returns to each message its own answer, for random messages and cancels', async () => {
  const sessions = await Promise.all(
    Array.from({ length: 6 }, async () =>
      client.outlast.session(await client.outlast.sessions.create({ agent_id })),
    ),
  )
  const told = await Promise.all(sessions.map(talk))
  for (const [n, session] of sessions.entries()) {
    const said = await turnsOf(session)
    for (const { mark, way, answer } of told[n]!) {
      if (answer === 'refused') {
        assert.equal(way, 'reject')
        continue
      }
      if (answer.outcome === 'completed') {
        assert.ok(answer.text.includes(mark), `${way} ${mark}: ${answer.text}`)
        assert.equal(answer.text, said.get(answer.turnId))
      } else if (answer.text !== '') {
        assert.ok(said.get(answer.turnId)!.startsWith(answer.text))
      }
    }
    assert.equal((await client.outlast.sessions.get(session.id)).status, 'idle')
  }
  const outcomes = new Set(told.flat().map(({ answer }) => answer === 'refused' || answer.outcome))
  assert.ok(outcomes.has('completed'))
})
