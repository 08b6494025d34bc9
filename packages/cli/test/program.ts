import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

export const program = fileURLToPath(new URL('../../../apps/server/outlast.js', import.meta.url))

export type Ended = { code: number | null; stdout: string; stderr: string }

/** Runs the program as a person would, without a terminal and without settings of this machine. */
export async function outlast(
  args: readonly string[],
  { env = {}, input }: { env?: Record<string, string>; input?: string } = {},
): Promise<Ended> {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', program, ...args],
    {
      env: { PATH: process.env.PATH, HOME: '/nonexistent', ...env },
      stdio: 'pipe',
    },
  )
  child.stdin.on('error', () => {})
  child.stdin.end(input ?? '')
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve))
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), closed])
  return { code, stdout, stderr }
}
