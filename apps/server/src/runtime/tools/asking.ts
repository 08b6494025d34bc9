import { isDeepStrictEqual } from 'node:util'
import type { Question } from '@outlast/contract'
import { type ToolContext, ToolError } from '../../capabilities/capability.ts'
import {
  expirySecondsDefault,
  expirySecondsMax,
  questionsOf,
} from '../../capabilities/questions.ts'
import type { OpenCall } from '../log/open-calls.ts'

/** Sets of questions of one call: the tool runs again for each. */
const setsMax = 50

/** Questions of a running tool that have no answers yet. */
export type RaisedQuestions = { questions: Question[]; timeoutSeconds: number }

/** Ends a run of a tool that waits for answers. Its result is ignored. */
class WaitsForAnswerError extends Error {
  override name = 'WaitsForAnswerError'

  constructor() {
    super('The call waits for answers. The tool runs again when they are there.')
  }
}

export type AskingCall = {
  ask: ToolContext['ask']
  /** Settles when the tool asks questions without answers. */
  raised: Promise<[]>
  questions: () => RaisedQuestions | undefined
  /** Aborts with `turn`, and when the run ends because of its questions. */
  signal: AbortSignal
  end: () => void
}

/**
 * Creates `ask` of one run of a tool. The first sets of questions get the stored answers, in order;
 * the next set ends the run.
 */
export function createAsking(
  { answers }: Pick<OpenCall, 'answers'>,
  turn: AbortSignal,
): AskingCall {
  const { promise: raised, resolve: wake } = Promise.withResolvers<[]>()
  let open: RaisedQuestions | undefined
  const ending = new AbortController()
  const stop = () => ending.abort(turn.reason)
  if (turn.aborted) stop()
  turn.addEventListener('abort', stop)
  let asked = 0
  let isOver = false

  return {
    raised,
    questions: () => open,
    signal: ending.signal,
    end() {
      isOver = true
      turn.removeEventListener('abort', stop)
    },
    async ask(given, options = {}) {
      ending.signal.throwIfAborted()
      if (isOver) throw new Error('The call has ended.')
      const number = asked++
      if (number >= setsMax) throw new ToolError(`A call can ask at most ${setsMax} times.`)
      const questions = questionsOf(Array.isArray(given) ? given : [given])
      const timeoutSeconds = secondsOf(options.expiresInSeconds)
      const known = answers[number]
      if (known) {
        if (!isDeepStrictEqual(known.questions, questions)) throw new ToolError(differs(number))
        return structuredClone(known.outcome)
      }
      open = { questions, timeoutSeconds }
      wake([])
      const error = new WaitsForAnswerError()
      ending.abort(error)
      throw error
    },
  }
}

const differs = (number: number) =>
  `The tool asked other questions than before it waited (set ${number + 1}). Its questions must not depend on changing data.`

function secondsOf(given = expirySecondsDefault): number {
  const isValid = Number.isInteger(given) && given >= 1 && given <= expirySecondsMax
  if (isValid) return given
  throw new ToolError(`\`expiresInSeconds\` must be a whole number from 1 to ${expirySecondsMax}.`)
}
