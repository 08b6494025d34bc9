import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export const program = fileURLToPath(new URL('../../../apps/server/outlast.js', import.meta.url))

export type Ended = { code: number | null; stdout: string; stderr: string }

type Surroundings = { env?: Record<string, string>; input?: string }

/** The program as a running process, without a terminal and without this machine's settings. */
export function startOutlast(args: readonly string[], { env = {}, input = '' }: Surroundings = {}) {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', program, ...args],
    { env: { PATH: process.env.PATH, HOME: '/nonexistent', ...env }, stdio: 'pipe' },
  )
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const said = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text) => (said[stream] += text))
  }
  const ended = once(child, 'close').then(([code]) => code as number | null)
  return {
    child,
    said,
    ended,
    /** Waits for this output. */
    async says(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<void> {
      while (!pattern.test(said[stream])) await once(child[stream], 'data')
    },
  }
}

/** Runs the program as a person would, to its end. */
export async function outlast(
  args: readonly string[],
  surroundings?: Surroundings,
): Promise<Ended> {
  const { said, ended } = startOutlast(args, surroundings)
  const code = await ended
  return { code, ...said }
}
