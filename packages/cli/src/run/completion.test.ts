import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { beforeAll } from '../../../../apps/server/test/hooks.ts'
import { startServer } from '../../../../apps/server/test/server.ts'
import { eventually } from '../../../../apps/server/test/waiting.ts'
import { runHere } from '../../test/here.ts'
import { scripts } from '../core/completion-scripts.ts'

const program = fileURLToPath(new URL('../../../../apps/server/outlast.js', import.meta.url))

let url: string
let folder: string

beforeAll(async (t) => {
  ;({ url } = await startServer(t as TestContext))
  folder = mkdtempSync(path.join(os.tmpdir(), 'outlast-completion-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const command = `${quoted(process.execPath)} --disable-warning=ExperimentalWarning ${quoted(program)}`
  writeFileSync(path.join(folder, 'outlast'), `#!/bin/sh\nexec ${command} "$@"\n`)
  chmodSync(path.join(folder, 'outlast'), 0o755)
})

/** Candidates of bash for lines with the cursor at their end, a list for each line. */
async function inBash(lines: readonly string[]): Promise<string[][]> {
  const asks = lines.map(
    (line) =>
      `COMP_LINE=${quoted(line)} COMP_POINT=${line.length}\n_outlast\necho "\${COMPREPLY[@]}"`,
  )
  const child = spawn('bash', ['--norc', '-c', `${scripts.bash}${asks.join('\n')}`], {
    env: { PATH: `${folder}:${process.env.PATH}`, HOME: folder, OUTLAST_URL: url },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return (await text(child.stdout)).split('\n').map((line) => line.split(' '))
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`

/** The words that would be offered, asked without a shell. */
async function offered(words: readonly string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await runHere(['__complete', ...words], {
    env: { OUTLAST_URL: url, ...env },
  })
  assert.deepEqual([code, stderr], [0, ''])
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split('\t')[0]!)
}

test('bash completes nouns, verbs, flags and ids of a server', async () => {
  const lines = ['outlast sess', 'outlast agents ', 'outlast agents list --li']
  const [nouns, verbs, flags] = await inBash(lines)
  assert.deepEqual(nouns, ['sessions'])
  assert.ok(['list', 'create', 'export'].every((verb) => verbs!.includes(verb)))
  assert.deepEqual(flags, ['--limit'])
  // A server that is busy offers nothing; pressing Tab again asks again.
  const ids = await eventually(async () => {
    const [offer] = await inBash(['outlast agents get '])
    return offer!.length > 2 ? offer : undefined
  })
  assert.ok(ids.every((id) => /^agent_[0-9a-f]{32}$/.test(id)))
})

test('registers the bash script, which runs no other command', () => {
  const script = `${scripts.bash}\ncomplete -p outlast`
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', script], { encoding: 'utf8' })
  assert.deepEqual([stderr, /-F _outlast outlast/.test(stdout)], ['', true])
})

test('offers candidates that fit the position', async () => {
  assert.deepEqual(await offered(['help', 'prof']), ['profiles'])
  assert.ok((await offered(['help', 'agents', ''])).includes('create'))
  assert.deepEqual(await offered(['sessions', 'list', '--status', '']), [
    'started',
    'active',
    'idle',
    'waiting',
    'failed',
  ])
  assert.deepEqual(await offered(['agents', 'get', 'agent_1', '']), [])
  assert.deepEqual(await offered(['agents', 'create', '--name', '']), [])
  assert.deepEqual(await offered(['nothing', '']), [])
})

test('offers ids for flags and arguments that take one', async () => {
  const places: [string[], RegExp][] = [
    [['sessions', 'create', '-a', ''], /^agent_/],
    [['--json', 'sessions', 'create', '-t', 'x', '--agent', ''], /^agent_/],
    [['models', 'create', 'x', '--provider', ''], /^provider_/],
    [['capabilities', 'get', 'web'], /^web_fetch$/],
  ]
  for (const [words, form] of places) {
    const ids = await eventually(async () => {
      const offer = await offered(words)
      return offer.length > 0 ? offer : undefined
    })
    for (const id of ids) assert.match(id, form)
  }
})

test('offers profile names, and none from a broken file', async () => {
  const file = path.join(folder, 'credentials.json')
  writeFileSync(file, '{"profiles": {"home": {"url": "http://localhost:1"}}}', { mode: 0o600 })
  const env = { OUTLAST_CONFIG_DIR: folder }
  assert.deepEqual(await offered(['profiles', 'use', ''], env), ['home'])
  assert.deepEqual(await offered(['agents', 'list', '--profile', 'h'], env), ['home'])
  writeFileSync(file, '{')
  assert.deepEqual(await offered(['profiles', 'use', ''], env), [])
})

test('offers no ids without a fast response of the server', async (t) => {
  const silent = createServer()
  const slow = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    const timer = setInterval(() => response.write(' '), 100)
    response.once('close', () => clearInterval(timer))
  })
  for (const server of [silent, slow]) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => server.close().closeAllConnections())
    const { port } = server.address() as { port: number }
    const env = { OUTLAST_URL: `http://127.0.0.1:${port}` }
    assert.deepEqual(await offered(['agents', 'get', ''], env), [])
  }
  assert.deepEqual(await offered(['agents', 'get', ''], { OUTLAST_URL: 'http://127.0.0.1:9' }), [])
  assert.ok((await offered(['agents', ''], { OUTLAST_URL: 'http://127.0.0.1:9' })).length > 4)
})
