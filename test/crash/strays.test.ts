import assert from 'node:assert/strict'
import { once } from 'node:events'
import test, { type TestContext } from 'node:test'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { inFolder } from '../../apps/server/test/processes/dev.ts'
import { writeProject } from '../../apps/server/test/processes/project-files.ts'
import { testSettings } from '../../apps/server/test/server.ts'
import { createSession, post } from '../../apps/server/test/session.ts'
import { startCommand, startProcess } from '../process.ts'
import { gone, scopeOf, untilIdle } from './scenario.ts'

const preload = new URL('strays.ts', import.meta.url).href

async function startNode(t: TestContext, start = startProcess) {
  const scope = scopeOf(t)
  const node = await start({
    DATABASE_URL: await createTestDatabase(scope),
    SECRETS_ENCRYPTION_KEY: `kek-v1:${Buffer.alloc(32, 7).toString('base64')}`,
    NODE_OPTIONS: `--import=${preload}`,
  })
  scope.after(async () => {
    if (node.child.exitCode === null && node.child.signalCode === null) await node.crash()
  })
  /** Resolves when the node has logged this. */
  const logged = async (what: RegExp) => {
    while (!what.test(node.output())) await once(node.child.stderr!, 'data')
  }
  return { scope, node, logged }
}

test('an unhandled rejection is logged with its stack, and the node continues', async (t) => {
  const { scope, node, logged } = await startNode(t)
  node.child.kill('SIGUSR2')
  await logged(/unhandled rejection.*a stray rejection.*strays\.ts/)
  const { id } = await createSession(node)
  assert.equal((await post(node, id, 'hello')).status, 201)
  await untilIdle(scope, node, id)
  assert.equal(await node.stop(), 0)
})

test('a node without a reader of its log continues, and hands over its turns at the end', async (t) => {
  const { scope, node } = await startNode(t)
  node.child.stdout!.destroy()
  node.child.stderr!.destroy()
  node.child.kill('SIGUSR2')
  const { id } = await createSession(node)
  assert.equal((await post(node, id, 'hello')).status, 201)
  await untilIdle(scope, node, id)
  assert.equal(await node.stop(), 0)
})

test('a rejection that a hook of a project leaves behind is logged, and the node continues', async (t) => {
  const config = `
    import { defineConfig } from 'outlast'
    export default defineConfig({
      hooks: { event: () => void Promise.reject(new Error('left behind')) },
    })`
  const folder = writeProject(t, { 'outlast.config.ts': config })
  const { scope, node, logged } = await startNode(t, (env) =>
    startCommand(inFolder(folder, ['serve', '--port', '0'], { ...testSettings, ...env })),
  )
  const { id } = await createSession(node)
  await logged(/unhandled rejection.*left behind/)
  assert.equal((await post(node, id, 'hello')).status, 201)
  await untilIdle(scope, node, id)
  assert.equal(await node.stop(), 0)
})

test('values without a form in JSON are logged: a rejection, and an exception that ends the node', async (t) => {
  const config = `
    import { defineConfig } from 'outlast'
    export default defineConfig({
      hooks: {
        event({ type }) {
          if (type === 'session.started') void Promise.reject({ id: 10n })
          if (type === 'input.message') setTimeout(() => { throw { id: 11n } })
        },
      },
    })`
  const folder = writeProject(t, { 'outlast.config.ts': config })
  const { node, logged } = await startNode(t, (env) =>
    startCommand(inFolder(folder, ['serve', '--port', '0'], { ...testSettings, ...env })),
  )
  const { id } = await createSession(node)
  await logged(/unhandled rejection.*id: 10n/)
  assert.equal((await post(node, id, 'hello')).status, 201)
  await logged(/uncaught exception.*id: 11n/)
  await gone(node)
  assert.equal(node.child.exitCode, 1)
})

test('an uncaught exception is logged with its stack, and the node stops in order', async (t) => {
  const { node, logged } = await startNode(t)
  node.child.kill('SIGWINCH')
  await logged(/uncaught exception.*a stray exception.*strays\.ts/)
  await gone(node)
  assert.equal(node.child.exitCode, 1)
})
