import { spawn } from 'node:child_process'
import type { Io } from '../core/io.ts'

/** Selects the program that opens a URL. Undefined on a machine without a graphical session. */
function programOf({ env }: Io): readonly [string, ...string[]] | undefined {
  if (env.BROWSER) return [env.BROWSER]
  if (process.platform === 'darwin') return ['open']
  if (process.platform === 'win32') return ['rundll32', 'url.dll,FileProtocolHandler']
  return env.DISPLAY || env.WAYLAND_DISPLAY ? ['xdg-open'] : undefined
}

/**
 * Opens an http URL in the browser. Returns false if no program starts.
 * Contract: no shell reads the URL. Does not wait for the browser.
 */
export function openBrowser(io: Io, url: string): Promise<boolean> {
  const program = programOf(io)
  if (!program || !/^https?:/.test(url)) return Promise.resolve(false)
  const [command, ...args] = program
  const child = spawn(command, [...args, url], { stdio: 'ignore', detached: true })
  child.unref()
  return new Promise((resolve) => {
    child.once('error', () => resolve(false))
    child.once('spawn', () => resolve(true))
  })
}
