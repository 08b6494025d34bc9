import { OutlastError } from '@outlast/sdk'
import { manyLines } from '../output/width.ts'

/** What the process ends with. */
export const exitCodes = {
  ok: 0,
  /** The server refused, or a turn failed. */
  failed: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** No Outlast server answered. */
  unreachable: 3,
  /** No key, a wrong one, or one that may not do this. */
  denied: 4,
  notFound: 5,
  interrupted: 130,
} as const

/** A mistake in the command line. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** Somebody pressed Ctrl-C at a question. */
export class Interrupted extends Error {
  override name = 'Interrupted'
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return exitCodes.usage
  if (error instanceof Interrupted) return exitCodes.interrupted
  if (!(error instanceof OutlastError)) return exitCodes.failed
  const { status, code } = error
  if (['connection_failed', 'timeout', 'not_outlast'].includes(code)) return exitCodes.unreachable
  if (status === 401 || status === 403) return exitCodes.denied
  return status === 404 ? exitCodes.notFound : exitCodes.failed
}

/** What people read about a failure: what is wrong, where, and what to do. */
export function sentencesOf(error: unknown, url: string): string[] {
  const message = manyLines(error instanceof Error ? error.message : String(error))
  if (!(error instanceof OutlastError)) return [message]
  const details = error.details.map((one) => manyLines(`  ${one.path}: ${one.message}`))
  return [message, ...details, ...adviceFor(error, url)]
}

function adviceFor({ code, status }: OutlastError, url: string): string[] {
  if (code === 'connection_failed' || code === 'timeout') {
    const place = url === '' ? '' : ` at ${url}`
    return [
      `Is the server running${place}? \`outlast serve\` starts one; --url names another; \`outlast doctor\` looks.`,
    ]
  }
  if (code === 'not_outlast')
    return [`Is ${url || 'this'} the address of an Outlast server? \`outlast doctor\` looks.`]
  if (code === 'secret_needed_again')
    return ['Give the key with --api-key-stdin and all headers with --header in the same command.']
  if (status === 401)
    return ['Sign in with `outlast login`, or give a key with --api-key or OUTLAST_API_KEY.']
  return []
}
