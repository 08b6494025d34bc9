import { OutlastError } from '@outlast/sdk'
import { manyLines } from '../output/width.ts'

/** Exit codes of the process. */
export const exitCodes = {
  ok: 0,
  /** The server refused the request, or a turn failed. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** No Outlast server answered. */
  unreachable: 3,
  /** The key is missing, wrong, or lacks a permission. */
  denied: 4,
  notFound: 5,
  interrupted: 130,
} as const

/** A mistake in the command line. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** No resource matches a name or a part of an id. */
export class NotFoundError extends Error {
  override name = 'NotFoundError'
}

/** The server refused a password or a key during `outlast login`. */
export class SignInRefused extends Error {
  override name = 'SignInRefused'
}

/** Ctrl-C at a question. */
export class Interrupted extends Error {
  override name = 'Interrupted'
}

const unreachable = ['connection_failed', 'tls_failed', 'timeout', 'not_outlast']

export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return exitCodes.usage
  if (error instanceof NotFoundError) return exitCodes.notFound
  if (error instanceof SignInRefused) return exitCodes.denied
  if (error instanceof Interrupted) return exitCodes.interrupted
  if (!(error instanceof OutlastError)) return exitCodes.failed
  const { status, code } = error
  if (unreachable.includes(code)) return exitCodes.unreachable
  if (status === 401 || status === 403) return exitCodes.denied
  return status === 404 ? exitCodes.notFound : exitCodes.failed
}

/** Describes a failure for people: the cause, the fields, and the fix. */
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
      `Is the server running${place}? \`outlast serve\` starts a server, --url selects another one, \`outlast doctor\` finds the cause.`,
    ]
  }
  if (code === 'tls_failed')
    return [
      'Name the file of your own certificate authority in NODE_EXTRA_CA_CERTS, or correct --url. `outlast doctor` finds the cause.',
    ]
  if (code === 'not_outlast')
    return [`Is ${url || 'this'} the URL of an Outlast server? \`outlast doctor\` finds the cause.`]
  if (code === 'secret_needed_again')
    return ['Repeat the key with --api-key-stdin and all headers with --header in this command.']
  if (status === 401) {
    const login = `outlast login ${url}`.trimEnd()
    return [`Sign in with \`${login}\`, or pass a key in OUTLAST_API_KEY or --api-key.`]
  }
  return []
}
