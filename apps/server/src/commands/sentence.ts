import { ConfigError } from '../config.ts'
import { ProjectError } from '../project/problems.ts'
import { describeOutage, isTimeout, isUnavailable } from '../store/database-errors.ts'
import { EmbeddedError } from '../store/embedded/embedded.ts'
import { DatabaseUnusableError } from '../store/start/unusable.ts'

/** Errors with a complete explanation in their message; a stack would hide it. */
const explained = [ConfigError, EmbeddedError, DatabaseUnusableError]

type AddressError = NodeJS.ErrnoException & { port?: number; address?: string }

/** The port that another program uses, if the error is about one. */
export function takenPortOf(error: unknown): number | undefined {
  const { code, port } = error as AddressError
  return code === 'EADDRINUSE' ? port : undefined
}

/** Explains why a server could not start: one sentence, or the stack of an unexpected error. */
export function sentenceOf(error: unknown): string {
  const { code, port, address, message, stack } = error as AddressError
  if (code === 'EADDRINUSE') {
    return `PORT ${port} on ${address} is in use by another program. Set PORT to a free port.`
  }
  if (code === 'EADDRNOTAVAIL') return `HOST ${address} is not an address of this machine.`
  if (error instanceof ProjectError) return `The project cannot be loaded:\n${message}`
  if (code === 'EACCES' || explained.some((kind) => error instanceof kind)) return message
  if (isUnavailable(error) && isTimeout(error)) return `${describeOutage(error)} (${message})`
  return stack ?? String(error)
}
