import { inspect } from 'node:util'
import type { Config } from './config.ts'

/**
 * The log of a node, written to stderr.
 * Contract: contains no secrets and no text of messages; never throws for a value in `about`.
 */
export type Log = {
  debug: (message: string, about?: object) => void
  info: (message: string, about?: object) => void
  warn: (message: string, about?: object) => void
  error: (message: string, about?: object) => void
}

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const
type LogLevel = (typeof levels)[number]

/** Creates a log. `auto` writes text to a terminal and JSON lines elsewhere. */
export function createLog(
  level: Config['LOG_LEVEL'],
  setting: Config['LOG_FORMAT'] = 'auto',
  stderr: Pick<NodeJS.WriteStream, 'isTTY' | 'write'> = process.stderr,
): Log {
  const least = levels.indexOf(level)
  const isText = setting === 'text' || (setting === 'auto' && stderr.isTTY)
  const format = isText ? textLine : jsonLine
  const lineOf = (name: LogLevel, message: string, about: object) => {
    try {
      return format(name, message, about)
    } catch {
      return format(name, message, inspected(about))
    }
  }
  const at = (name: LogLevel) => {
    if (levels.indexOf(name) < least) return () => {}
    return (message: string, about: object = {}) => {
      stderr.write(`${lineOf(name, message, about)}\n`)
    }
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

function jsonLine(level: LogLevel, message: string, about: object): string {
  return JSON.stringify({ time: new Date().toISOString(), level, msg: message, ...plain(about) })
}

/** Converts errors to objects that JSON can represent. */
function plain(about: object) {
  return Object.fromEntries(
    Object.entries(about).map(([key, value]) => [
      key,
      value instanceof Error ? plainError(value) : value,
    ]),
  )
}

/** `code`: a SQLSTATE, or an error code of Node. */
const plainError = ({ name, message, code, stack }: NodeJS.ErrnoException) => ({
  name,
  message,
  code,
  stack,
})

/** Replaces values that may have no form in JSON, such as what the code of a project threw. */
const inspected = (about: object) =>
  Object.fromEntries(
    Object.entries(about).map(([key, value]) => [
      key,
      typeof value === 'string' || typeof value === 'number' ? value : inspectedText(value),
    ]),
  )

function inspectedText(value: unknown): string {
  try {
    return inspect(value, { depth: 2, customInspect: false })
  } catch {
    return 'a value that cannot be shown'
  }
}

const levelWidth = 5

/**
 * Formats a line such as `12:30:05 WARN  Redis is unavailable error="connect ECONNREFUSED"`. At
 * level `error`, the stack of an error follows on lines of its own.
 */
function textLine(level: LogLevel, message: string, about: object): string {
  const time = new Date().toTimeString().slice(0, '12:30:05'.length)
  const fields = Object.entries(about).map(([name, value]) => `${name}=${textOf(value)}`)
  const line = [time, level.toUpperCase().padEnd(levelWidth), message, ...fields].join(' ')
  if (level !== 'error') return printable(line)
  const errors = Object.values(about).filter((value) => value instanceof Error)
  const stacks = errors.flatMap(({ stack = '' }) => stack.split('\n').map((one) => `  ${one}`))
  return [line, ...stacks].map(printable).join('\n')
}

/** A word as it is; other values as JSON. */
function textOf(value: unknown): string {
  const shown = value instanceof Error ? value.message : value
  if (typeof shown === 'string' && /^[\w.:/@-]+$/.test(shown)) return shown
  return JSON.stringify(shown) ?? 'undefined'
}

/** Replaces control and formatting characters, which could change a terminal or hide text. */
const printable = (text: string) => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{fffd}')
