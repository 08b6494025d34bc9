import type { Question, QuestionOutcome } from '@outlast/contract'
import { Type } from 'typebox'
import { isStorable } from '../text.ts'
import { ToolError } from './capability.ts'
import { type GivenQuestion, questionList } from './question-schema.ts'
import { explainProblems, problemsOf } from './schemas/validation.ts'

export const expirySecondsMax = 7 * 24 * 3_600
export const expirySecondsDefault = 24 * 3_600

/** Converts questions to the form in which they are asked. Contract: throws ToolError. */
export function questionsOf(list: readonly GivenQuestion[]): Question[] {
  // As the log has them: without properties that are undefined.
  const given: readonly GivenQuestion[] = JSON.parse(JSON.stringify(list))
  const problems = problemsOf(Type.Object({ questions: questionList }), { questions: given })
  if (problems.length > 0) throw new ToolError(`Invalid questions: ${explainProblems(problems)}.`)
  const seen = new Set<string>()
  return given.map((one, index) => {
    const asked: Question = { ...one, id: one.id ?? `q${index + 1}`, kind: one.kind ?? 'choice' }
    const problem = seen.has(asked.id) ? 'repeats the id of another' : questionProblem(asked, given)
    if (problem) throw new ToolError(`Invalid questions: question ${index + 1} ${problem}.`)
    seen.add(asked.id)
    return asked
  })
}

function questionProblem(asked: Question, all: readonly GivenQuestion[]): string | undefined {
  const { id, kind, options, multi_select, allow_other, secret_name, purpose } = asked
  const labels = options?.map(({ label }) => label) ?? []
  // The body of an answer cannot have them.
  if (![id, ...labels, secret_name ?? ''].every(isStorable))
    return 'has NUL or half a surrogate pair in `id`, a label or `secret_name`'
  if (kind === 'choice') {
    if (labels.length === 0) return 'is a choice and needs `options`'
    if (new Set(labels).size < labels.length) return 'has two options with the same label'
    const defaults = options!.filter((one) => one.default).length
    if (defaults > 1 && !multi_select) return 'has several defaults without `multi_select`'
  } else if (options || multi_select !== undefined || allow_other !== undefined) {
    return 'has options, which only a choice can have'
  }
  if (kind === 'secret') {
    if (all.length > 1) return 'asks for a secret, which must be the only question'
    if (!secret_name || !purpose) return 'asks for a secret and needs `secret_name` and `purpose`'
  } else if (secret_name !== undefined || purpose !== undefined) {
    return 'has `secret_name` or `purpose`, which only a secret can have'
  }
  return undefined
}

/** The outcome when nobody answered in time. Only choices have a default: else the first option. */
export function expiredOutcomeOf(questions: readonly Question[]): QuestionOutcome {
  const answers = questions.flatMap(({ id, options }) => {
    if (!options) return []
    const defaults = options.filter((one) => one.default)
    const selected = (defaults.length > 0 ? defaults : options.slice(0, 1)).map(
      ({ label }) => label,
    )
    return [{ id, selected }]
  })
  const status = answers.length > 0 ? 'timed_out' : 'declined'
  return { status, answered_by: 'timeout', answers }
}

/** The outcome when a message came instead of answers. */
export const cancelledQuestions: QuestionOutcome = {
  status: 'cancelled',
  answered_by: 'user',
  answers: [],
}
