import type { FastifyInstance } from 'fastify'
import { ApiError, invalidAt } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import { answerProblemsAs } from '../../core/problems.ts'

const types: Record<number, string> = {
  401: 'authentication_error',
  403: 'permission_error',
  429: 'rate_limit_error',
}

const typeOf = (status: number) =>
  types[status] ?? (status >= 500 ? 'server_error' : 'invalid_request_error')

/** Parameters of this API for places in the requests of ours. */
const params: Readonly<Record<string, string>> = {
  agent_name: 'model',
  agent_id: 'model',
  'controls/output_schema': 'text',
  'controls/reasoning/effort': 'reasoning',
  key: 'conversation',
  tool_results: 'input',
  'message/content': 'input',
}

const nameOf = (path: string) => {
  const ours = Object.keys(params).find((start) => path === start || path.startsWith(`${start}/`))
  if (ours !== undefined) return params[ours]!
  return path.replace(/\/(\d+)(?=\/|$)/g, '[$1]').replaceAll('/', '.')
}

/** The body of an error as clients of OpenAI expect it, with our code. */
const openAIError = ({ message, status, code, details }: ApiError) => ({
  error: {
    message,
    type: typeOf(status),
    code,
    param: details?.[0] ? nameOf(details[0].path) : null,
  },
})

/** Refuses a parameter. */
export const invalidParam = (param: string, message: string) => invalidAt(param, message)

/** Codes of conflicts that end by themselves: clients of OpenAI repeat every 409 and 429. */
const repeatable: readonly string[] = ['idempotency_in_progress', 'session_changing']

const isFinalError = (status: number, code: string) =>
  code === 'budget_wait' || (status === 409 && !repeatable.includes(code))

/** The frame of a stream that ends early, in the form that clients of both APIs throw. */
export function interruption(reason: string) {
  const message = `The stream ended early (${reason}). The turn continues.`
  const problem = { message, type: 'server_error', code: reason, param: null }
  return { ...problem, type: 'error', error: problem }
}

export function answerAsOpenAI(scope: FastifyInstance, log: Log): void {
  answerProblemsAs(scope, log, openAIError)
  scope.setNotFoundHandler(({ url }) => {
    throw new ApiError('route_not_found', url.split('?')[0]!.slice(0, 200))
  })
  scope.addHook('onSend', (_request, reply, payload, done) => {
    if (isFinalError(reply.statusCode, reply.problem ?? '')) reply.header('x-should-retry', 'false')
    done(null, payload)
  })
}
