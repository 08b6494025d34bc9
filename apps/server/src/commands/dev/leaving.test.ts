import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startDev } from '../../../test/processes/dev.ts'
import { eventually } from '../../../test/waiting.ts'

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('a server whose event loop is blocked ends after a reload, and with the command', async (t) => {
  const blocks = (version: string) => `
    import { defineConfig } from 'outlast'
    export default defineConfig({
      routes(app) {
        app.get('/block', () => {
          console.log('${version} is blocked: ' + process.pid + '.')
          for (;;);
        })
      },
    })`
  const server = await startDev(
    t,
    { 'outlast.config.ts': blocks('one') },
    { SHUTDOWN_GRACE_MS: '0' },
  )
  const block = async (version: string) => {
    void fetch(`${server.url}/block`).catch(() => {})
    await server.shows(`${version} is blocked`)
    return Number(new RegExp(`${version} is blocked: (\\d+)\\.`).exec(server.output())![1])
  }
  const first = await block('one')
  server.write('outlast.config.ts', blocks('two'))
  await server.shows('Reloaded')
  await eventually(async () => !isRunning(first))
  assert.ok(isRunning(await block('two')))
  assert.equal(await server.stop('SIGINT'), 0)
})
