import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { createSession, eventsOf, post, replyOf } from '../../apps/server/test/session.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { auditLog } from '../crash/audit.ts'
import { gatedWorld } from '../crash/gates.ts'
import { postUntilAccepted, scopeOf, startNode, untilIdle } from '../crash/scenario.ts'
import { startWorld, worldlySession } from '../crash/world.ts'
import type { ServerProcess } from '../process.ts'
import { startPair, type Version, versions } from './standby.ts'

/** In progress when the database is lost: replies, and results of tools that cannot be repeated. */
const words = ['text one', 'text two', 'pay one', 'pay two']

const unready = (nodes: ServerProcess[]) =>
  eventually(async () => {
    const states = await Promise.all(nodes.map(({ call }) => call('GET', '/health/ready')))
    return states.every(({ status }) => status === 503)
  })

async function postUntilRefused({ call }: ServerProcess, sessionId: string) {
  for (let n = 1; ; n += 1) {
    const answer = await post({ call } as never, sessionId, `while it is away ${n}`)
    if (answer.status === 201) continue
    assert.deepEqual([answer.status, answer.body.code], [503, 'database_unavailable'])
    assert.ok(Number(answer.headers.get('retry-after')) > 0)
    return
  }
}

/** Two nodes that exit on any unhandled rejection, on a primary with a synchronous standby. */
async function cluster(t: TestContext, version: Version) {
  const scope = scopeOf(t)
  const pair = await startPair(scope, { version, replication: 'sync' })
  const gates = gatedWorld()
  const world = await startWorld(scope, gates)
  const where = { databaseUrl: pair.address.url, worldUrl: world.url }
  const nodes = [await startNode(scope, where), await startNode(scope, where)] as const
  const { agent, session: idle } = await worldlySession(nodes[0], world)
  const talks = await Promise.all(
    words.map(async (text, index) => {
      const { id } = await createSession(nodes[0], { agent_id: agent.id })
      await post(nodes[index % 2]!, id, text)
      await gates.gate(text).reached
      return { id, text }
    }),
  )
  return {
    ...pair,
    nodes,
    /**
     * Ends the model calls and tools while no write succeeds, and checks that requests are refused.
     */
    async endTurns() {
      await unready([...nodes])
      for (const text of words) gates.gate(text).open()
      await Promise.all(nodes.map((node) => postUntilRefused(node, idle.id)))
    },
    /** Both nodes run, every turn ended well, and no model call or tool ran twice. */
    async audit() {
      for (const { id, text } of talks) {
        await untilIdle(scope, nodes[1], id)
        const events = await eventsOf(nodes[0], id)
        auditLog(events)
        assert.match(replyOf(events), new RegExp(text))
        assert.ok(events.every(({ data }) => !JSON.stringify(data).includes('interrupted')))
      }
      for (const [index, node] of nodes.entries()) {
        const { id } = await createSession(node, { agent_id: agent.id })
        await postUntilAccepted(node, id, { text: 'hello again', key: `again ${index}` })
        await untilIdle(scope, node, id)
        await eventually(async () => (await node.call('GET', '/health/ready')).status === 200)
        assert.equal(node.child.exitCode, null, node.output())
      }
      const asked = world.prompts.filter((prompt) => /text |pay /.test(JSON.stringify(prompt)))
      assert.equal(asked.length, 2 * 1 + 2 * 2, 'no model is called again')
      assert.equal(world.count('pay'), 2, 'every effect happened once')
    },
  }
}

for (const version of versions) {
  test(`nodes continue after a failover whose address leads to the new standby for a while (${version})`, async (t) => {
    const { primary, standby, address, endTurns, audit } = await cluster(t, version)
    await primary.stop()
    await standby.promote()
    await primary.standBy(standby)
    await primary.start()
    await endTurns()
    address.moveTo(standby.url)
    await audit()
  })

  test(`nodes continue when the primary is killed and its synchronous standby promoted (${version})`, async (t) => {
    const { primary, standby, address, endTurns, audit } = await cluster(t, version)
    await primary.kill()
    await endTurns()
    await standby.promote()
    address.moveTo(standby.url)
    await audit()
  })

  test(`nodes continue when the server refuses writes for a while (${version})`, async (t) => {
    const { primary, endTurns, audit } = await cluster(t, version)
    const setReadOnly = async (value: string) => {
      await primary.query(`alter system set default_transaction_read_only = ${value}`)
      await primary.query('select pg_reload_conf()')
    }
    await setReadOnly('on')
    await endTurns()
    await setReadOnly('off')
    await audit()
  })
}
