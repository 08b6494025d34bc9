import type { Config } from './config.ts'

/** Logs JSON lines to stderr: an event and its subject. Never a secret, never a message's text. */
export type Log = {
  debug: (what: string, about?: object) => void
  info: (what: string, about?: object) => void
  warn: (what: string, about?: object) => void
  error: (what: string, about?: object) => void
}

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const

export function createLog(level: Config['LOG_LEVEL']): Log {
  const least = levels.indexOf(level)
  const at = (name: (typeof levels)[number]) => {
    if (levels.indexOf(name) < least) return () => {}
    return (what: string, about: object = {}) => {
      const line = { time: new Date().toISOString(), level: name, msg: what, ...plain(about) }
      process.stderr.write(`${JSON.stringify(line)}\n`)
    }
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** Errors as objects that JSON can show. */
function plain(about: object) {
  return Object.fromEntries(
    Object.entries(about).map(([key, value]) => [
      key,
      value instanceof Error
        ? { name: value.name, message: value.message, stack: value.stack }
        : value,
    ]),
  )
}
