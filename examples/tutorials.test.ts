import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createTestDatabase } from '../apps/server/test/database.ts'
import { reservePort } from '../test/ports.ts'
import { type ServerProcess, startProcess } from '../test/process.ts'
import { playPage, type Stage } from '../test/tutorial.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** A server on a database of its own; `npm` commands run without npm, on this Node. */
async function openStage(t: TestContext): Promise<Stage> {
  const place = { DATABASE_URL: await createTestDatabase(t), PORT: await reservePort() }
  let server: ServerProcess | undefined
  t.after(() => server?.crash())
  return {
    async start(env) {
      server = await startProcess({ ...place, ...env })
    },
    kill: async () => server?.crash(),
    async run(command, input) {
      const program = [process.execPath, '--disable-warning=ExperimentalWarning']
      // Two pipes would lose the order of results and notes.
      const together = ['-c', 'exec "$@" 2>&1', 'sh', ...program, ...argumentsOf(command)]
      const child = spawn('sh', together, {
        cwd: root,
        env: { PATH: process.env.PATH!, OUTLAST_URL: server!.url, NO_COLOR: '1' },
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      child.stdin.end(input)
      let output = ''
      child.stdout.on('data', (chunk) => (output += chunk))
      await once(child, 'close')
      return output
    },
  }
}

/** The arguments of Node for a command of a page. */
function argumentsOf(command: string): string[] {
  const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word]) => quoted ?? word!)
  if (command.startsWith('npm run example ')) return ['scripts/example.ts', ...words.slice(3)]
  assert.ok(command.startsWith('npx outlast '), `unknown command: ${command}`)
  return ['apps/server/outlast.js', ...words.slice(2)]
}

for (const page of ['README.md', ...globSync('docs/tutorials/*.md', { cwd: root }).sort()]) {
  test(`${page} runs as printed`, async (t) => {
    assert.ok((await playPage(path.join(root, page), await openStage(t))) > 1)
  })

  test(`${page} shows a program of the examples as it is`, () => {
    const text = readFileSync(path.join(root, page), 'utf8')
    const [, file, program] = /(examples\/[\w-]+\.ts)[^\n]*:\n\n```ts\n([\s\S]*?)^```/m.exec(text)!
    assert.equal(program, readFileSync(path.join(root, file!), 'utf8'))
  })
}
