import assert from 'node:assert/strict'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../../../apps/server/test/hooks.ts'
import { startServer } from '../../../../../apps/server/test/server.ts'
import { createSession } from '../../../../../apps/server/test/session.ts'
import { eventually } from '../../../../../apps/server/test/waiting.ts'
import { temporaryFolder } from '../../../../../test/process.ts'
import { runHere } from '../../../test/here.ts'

let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
})

const open = (args: string[], env: Record<string, string> = {}) =>
  runHere(['open', ...args], { env: { OUTLAST_URL: server.url, ...env } })

test('prints the page of the console, of a session or of an agent', async () => {
  const { id, agent_id } = await createSession(server)
  const pages: [string[], string][] = [
    [[], '/'],
    [[id], `/sessions/${id}`],
    [[id.slice(0, 30)], `/sessions/${id}`],
    [[id.slice(8, 30)], `/sessions/${id}`],
    [[agent_id], `/agents/${agent_id}`],
    [['ada'], `/agents/${agent_id}`],
  ]
  for (const [args, page] of pages) {
    const { code, stdout, stderr } = await open([...args, '--print'])
    assert.deepEqual([code, stdout, stderr], [0, `${server.url}${page}\n`, ''])
  }
  const unknown = await open(['nothing', '--print'])
  assert.deepEqual([unknown.code, unknown.stdout], [5, ''])
})

test('starts the browser without a shell, and only prints the URL without one', async (t) => {
  const { folder } = await temporaryFolder(t)
  const browser = path.join(folder, 'browser')
  const opened = path.join(folder, 'opened')
  await writeFile(browser, `#!/bin/sh\nprintf '%s|' "$#" "$@" > '${opened}'\n`)
  await chmod(browser, 0o700)
  const { stdout, stderr } = await open([], { BROWSER: browser })
  assert.deepEqual([stdout, stderr], [`${server.url}/\n`, ''])
  const words = await eventually(() => readFile(opened, 'utf8').catch(() => undefined))
  assert.equal(words, `1|${server.url}/|`)
  const missing = await open([], { BROWSER: '/nonexistent/browser; true' })
  assert.deepEqual([missing.code, missing.stdout], [0, `${server.url}/\n`])
  assert.match(missing.stderr, /No browser found/)
})
