import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../../apps/server/outlast.js', import.meta.url))

/** The program as a process that is still at work, without a terminal. */
export function startOutlast(args: readonly string[]) {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', program, ...args],
    { env: { PATH: process.env.PATH, HOME: '/nonexistent' }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const said = { stdout: '', stderr: '' }
  child.stdout.on('data', (text) => (said.stdout += text))
  child.stderr.on('data', (text) => (said.stderr += text))
  const ended = once(child, 'close').then(([code]) => code as number | null)
  return {
    child,
    said,
    ended,
    /** Waits until it has said this. */
    async says(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<void> {
      while (!pattern.test(said[stream])) await once(child[stream], 'data')
    },
  }
}
