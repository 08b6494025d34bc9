import { isToolError, ToolError } from '../../capabilities/capability.ts'
import { ApiError } from '../../errors.ts'
import { StaleAttemptError } from '../../store/files/stale-attempt.ts'

/** An error as a message between threads. */
export type SentError = {
  kind: 'tool' | 'api' | 'stale' | 'exception' | 'other'
  name: string
  message: string
  stack?: string | undefined
  code?: string | undefined
  details?: ApiError['details']
  retryAfter?: number | undefined
  cause?: SentError | undefined
}

const causesMax = 3
const textLengthMax = 20_000
const nativeTypes = new Map(Object.entries({ TypeError, RangeError, SyntaxError }))

/** Converts a thrown value to a message. Contract: never throws. */
export function toSentError(thrown: unknown, causes = causesMax): SentError {
  try {
    if (!(thrown instanceof Error))
      return { kind: 'other', name: 'Error', message: cutText(thrown) }
    const { name, message, stack, code, cause } = thrown as NodeJS.ErrnoException
    return {
      kind: sentErrorKind(thrown),
      name: String(name),
      message: cutText(message),
      stack: stack === undefined ? undefined : cutText(stack),
      ...(typeof code === 'string' && { code }),
      ...(thrown instanceof ApiError && {
        details: thrown.details,
        retryAfter: thrown.retryAfter,
      }),
      ...(cause !== undefined && causes > 0 && { cause: toSentError(cause, causes - 1) }),
    }
  } catch {
    return { kind: 'other', name: 'Error', message: 'The thrown value cannot be read.' }
  }
}

/** A longer text would block the thread that gets it. */
const cutText = (text: unknown) => String(text).slice(0, textLengthMax)

function sentErrorKind(error: Error): SentError['kind'] {
  if (error instanceof ApiError) return 'api'
  if (error instanceof StaleAttemptError) return 'stale'
  if (isToolError(error)) return 'tool'
  return error instanceof DOMException ? 'exception' : 'other'
}

/** Creates the error of a message. Errors that a model may read keep their type. */
export function fromSentError(sent: SentError): Error {
  const { code, stack, cause } = sent
  const error = Object.assign(emptyError(sent), {
    ...(code !== undefined && sent.kind !== 'exception' && { code }),
    ...(cause && { cause: fromSentError(cause) }),
  })
  if (stack !== undefined) error.stack = stack
  return error
}

function emptyError({ kind, name, message, code, details, retryAfter }: SentError): Error {
  if (kind === 'tool') return new ToolError(message)
  if (kind === 'stale') return new StaleAttemptError(message)
  if (kind === 'exception') return new DOMException(message, name)
  if (kind !== 'api') return Object.assign(new (nativeTypes.get(name) ?? Error)(message), { name })
  const error = new ApiError(code as ApiError['code'], '', details, retryAfter)
  error.message = message
  return error
}
