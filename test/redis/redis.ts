/** A Redis for tests. `npm run test:redis` sets the path of its program. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { reservePort } from '../ports.ts'

type Hook = { after: (work: () => Promise<void>) => void }

/** A Redis on loopback until the test's end; it can be stopped and restarted at its address. */
export async function startRedis(t: Hook) {
  const program = process.env.OUTLAST_TEST_REDIS_SERVER
  if (!program) throw new Error('Redis was not found: run this file with `npm run test:redis`.')
  const folder = await mkdtemp(path.join(tmpdir(), 'outlast-redis-'))
  const port = Number(await reservePort())
  let child: ChildProcess | undefined

  async function start() {
    child = spawn(program!, ['--port', `${port}`, '--bind', '127.0.0.1', '--save', ''], {
      cwd: folder,
      env: { ...process.env, LD_LIBRARY_PATH: process.env.OUTLAST_TEST_REDIS_LIBRARIES },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = once(child, 'exit').then(() => {
      throw new Error('Redis did not start.')
    })
    exited.catch(() => {})
    await Promise.race([readyOf(child), exited])
  }

  async function stop() {
    const stopping = child
    child = undefined
    if (!stopping || stopping.exitCode !== null) return
    const exited = once(stopping, 'exit')
    stopping.kill('SIGKILL')
    await exited
  }

  t.after(async () => {
    await stop()
    await rm(folder, { recursive: true, force: true })
  })
  await start()
  return { url: `redis://127.0.0.1:${port}`, start, stop }
}

async function readyOf(child: ChildProcess): Promise<void> {
  let text = ''
  for await (const chunk of child.stdout!) {
    text += chunk
    if (!text.includes('Ready to accept connections')) continue
    break
  }
}
