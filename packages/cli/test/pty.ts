import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { program } from './program.ts'
import { createGrid } from './terminal.ts'

/** Long for a loaded machine, and shorter than the limit of a test, which says less. */
const waitMsMax = 120_000

const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`

/** The program as a process on a real terminal, which `script` makes. It ends with the test. */
export function onPty(
  t: { after: (work: () => unknown) => void },
  args: readonly string[],
  env: Record<string, string> = {},
) {
  const words = [process.execPath, '--disable-warning=ExperimentalWarning', program, ...args]
  const line = `stty cols 80 rows 24; exec ${words.map(quoted).join(' ')}`
  const child = spawn('script', ['-qec', line, '/dev/null'], {
    env: { PATH: process.env.PATH, HOME: '/nonexistent', TERM: 'xterm', SHELL: '/bin/sh', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(() => child.kill())
  const grid = createGrid(80)
  child.stdout.setEncoding('utf8').on('data', (text) => grid.write(text))
  const given = new AbortController()
  const ended = once(child, 'close').then(([code]) => code as number | null)
  void ended.then((code) => given.abort(new Error(`the program ended with ${code}`)))
  const shown = () => grid.lines().join('\n')
  return {
    ended,
    shown,
    type: (keys: string) => void child.stdin.write(keys),
    /** Waits until the screen shows it. Rejects with the screen if it does not. */
    async sees(pattern: RegExp): Promise<string> {
      const signal = AbortSignal.any([given.signal, AbortSignal.timeout(waitMsMax)])
      try {
        while (!pattern.test(shown())) await once(child.stdout, 'data', { signal })
      } catch (error) {
        throw new Error(`${pattern} is not on the screen:\n${shown()}`, { cause: error })
      }
      return shown()
    },
  }
}
