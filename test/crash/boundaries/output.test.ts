import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { dataOf, eventsOf } from '../../../apps/server/test/session.ts'
import { auditLog } from '../audit.ts'
import { type Node, postUntilAccepted, startNode, startNodeHere, untilIdle } from '../scenario.ts'
import { type ChatMessage, type World, worldlySession } from '../world.ts'
import { type Boundary, count, setStage, testWalk } from './walk.ts'

const output_schema = {
  type: 'object',
  properties: { total: { type: 'number' } },
  required: ['total'],
  additionalProperties: false,
}
const invalid = '{"total":"three"}'
const valid = '{"total":3}'

const isCorrection = (prompt: ChatMessage[]) =>
  String(prompt.at(-1)?.content).includes('does not match the required JSON Schema')

const stageFor = (t: TestContext) =>
  setStage(t, { reply: (prompt) => [isCorrection(prompt) ? valid : invalid] })

const asking = { text: 'How much is it?', key: 'question' }

const begin = async (node: Node, world: World) =>
  (await worldlySession(node, world, { output_schema })).session.id

async function auditEnd(node: Node, world: World, sessionId: string) {
  const events = await eventsOf(node, sessionId)
  auditLog(events)
  assert.deepEqual(dataOf(events, 'turn.completed').output, { total: 3 })
  const answers = events.filter((event) => event.type === 'output.message.completed')
  assert.deepEqual(
    answers.map(({ data }) => data.output_errors?.length),
    [1, undefined],
    'one correction, also after a takeover',
  )
  assert.ok(world.prompts.some(isCorrection))
  return events
}

async function undisturbed(t: TestContext): Promise<string[]> {
  const stage = await stageFor(t)
  const { world, scope } = stage
  const where = { databaseUrl: stage.proxy.url, worldUrl: world.url }
  const node = await startNodeHere(scope, where)
  const id = await begin(node, world)
  stage.arm()
  await postUntilAccepted(node, id, asking)
  await untilIdle(scope, node, id)
  await auditEnd(node, world, id)
  assert.equal(world.prompts.length, 2)
  return stage.writes
}

async function killAt(t: TestContext, { boundary }: { writes: string[]; boundary: Boundary }) {
  const stage = await stageFor(t)
  const { world, databaseUrl, scope } = stage
  const where = { databaseUrl: stage.proxy.url, worldUrl: world.url }
  const node = await startNode(scope, where)
  const id = await begin(node, world)
  const dead = new AbortController()
  stage.arm(boundary, () => {
    node.child.kill('SIGKILL')
    dead.abort()
  })
  await postUntilAccepted(node, id, { ...asking, signal: dead.signal })
  await stage.runsUpTo(untilIdle(scope, node, id))
  node.child.kill('SIGKILL')
  const survivor = await startNodeHere(scope, { databaseUrl, worldUrl: world.url })
  await postUntilAccepted(survivor, id, asking)
  await untilIdle(scope, survivor, id)
  const events = await auditEnd(survivor, world, id)
  const repeated = world.prompts.length - count(events, 'llm.generation')
  assert.ok(repeated <= 1, 'only unfinished work is repeated')
}

testWalk(
  'kill -9 around an invalid answer: another node has it corrected once',
  undisturbed,
  killAt,
)
