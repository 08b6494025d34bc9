import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { thrownMessage } from '../text.ts'
import { callerOfCaller } from './caller.ts'
import { type ModelReply, type ModelRequest, parseRequest, streamReply } from './chat-wire.ts'
import { createModelServer, type ModelHttpRequest, refuse, refuseTest } from './model-server.ts'
import { createOrder } from './request-order.ts'
import type { TestModel } from './test-model.ts'

/** Failures of a vendor, with the response that servers recognize. */
const errors = {
  bad_key: [401, 'Invalid API key.'],
  no_credit: [402, 'Payment required: out of credits.'],
  rate_limited: [429, 'Rate limit reached.'],
  overloaded: [503, 'The model is overloaded.'],
  too_long: [400, "This request exceeds the model's maximum context length."],
  refused: [400, 'Refused by the content policy.'],
  no_such_model: [404, 'The model does not exist.'],
} as const satisfies Record<string, readonly [number, string]>

export type ModelErrorName = keyof typeof errors

/** The reaction of a scripted model to one request. */
export type ModelStep = {
  /** Wait in ms before the reply. */
  delayMs?: number
} & (
  | ModelReply
  | {
      /** The failure of a vendor, an HTTP status, or a connection that breaks. */
      error: ModelErrorName | 'disconnected' | number
      /** The text of the vendor's error. */
      message?: string
      /** `false`: asks the server to wait for so long that it does not retry. */
      retryable?: boolean
    }
)

/** Computes a step from the request. */
export type ModelStepFunction = (request: ModelRequest) => ModelStep | Promise<ModelStep>

export type ScriptedModelOptions = {
  /** Name of the script in errors. Default: the place of the call. */
  name?: string
}

/**
 * A model that replies by a script: steps are used in order, by all sessions; a function answers
 * all requests. A request after the last step fails with an error that names the script.
 * Contract: a retry after an error takes the next step. After a crash of the server, a request that
 * it repeats gets the same step again.
 */
export function scriptedModel(
  steps: readonly (ModelStep | ModelStepFunction)[] | ModelStepFunction,
  { name = callerOfCaller() }: ScriptedModelOptions = {},
): TestModel {
  const requests: ModelRequest[] = []
  const script = typeof steps === 'function' ? undefined : [...steps]
  const order = createOrder()
  let calls = 0
  let problem: string | undefined

  async function answer({ method, body }: ModelHttpRequest, response: ServerResponse) {
    // Servers ask for the list of models.
    if (method !== 'POST') return refuse(response, 404, 'A scripted model has no list of models.')
    const request = parseRequest(body)
    requests.push(request)
    const step = script ? script[order.take(request)] : (steps as ModelStepFunction)
    if (step === undefined) {
      problem = `The scripted model (${name}) has no step for request ${requests.length}: its script has ${script!.length}.`
      return refuseTest(response, problem)
    }
    const given = await computed(step, request).catch((error) => {
      problem = `A step of the scripted model (${name}) failed: ${thrownMessage(error)}`
      return undefined
    })
    if (given === undefined) return refuseTest(response, problem!)
    await play(given, response, () => `call_${++calls}`)
  }

  const server = createModelServer(answer)
  return {
    requests,
    wire: {
      providerType: 'openai_completions',
      modelName: 'scripted',
      open: async () => `${await server.open()}/v1`,
      close: server.close,
      interrupted: order.interrupted,
      problem: () => problem,
    },
  }
}

async function computed(step: ModelStep | ModelStepFunction, request: ModelRequest) {
  const given = typeof step === 'function' ? await step(request) : step
  if (!given) throw new Error('it returned nothing.')
  return given
}

const waitForeverSeconds = '86400'

async function play(step: ModelStep, response: ServerResponse, ids: () => string) {
  if (step.delayMs) await sleep(step.delayMs)
  if (!('error' in step)) return streamReply(response, step, ids)
  const { error, message, retryable } = step
  if (error === 'disconnected') return breakOff(response)
  const [status, text] = typeof error === 'number' ? [error, 'Scripted error.'] : errors[error]
  const wait = retryable === false ? ['retry-after', waitForeverSeconds] : ['retry-after-ms', '0']
  refuse(response, status, message ?? text, Object.fromEntries([wait]))
}

/** Begins a reply and closes the connection. */
function breakOff(response: ServerResponse) {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(': ', () => response.destroy())
}
