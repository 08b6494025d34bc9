import {
  answerTextMax,
  type NewQuestionAnswer,
  type Question,
  type QuestionAnswer,
  type QuestionAnswers,
  type QuestionOutcome,
} from '@outlast/contract'
import { looksLikeCredential } from '../../access/credential-text.ts'
import { ApiError, type ErrorCode } from '../../errors.ts'

/**
 * Checks answers against the questions as they were asked.
 * Contract: pure. Throws 400 with the place of the answer.
 */
export function outcomeFor(
  questions: readonly Question[],
  { status = 'answered', answers: given = [] }: QuestionAnswers,
): QuestionOutcome {
  if (status === 'declined') return { status, answered_by: 'user', answers: [] }
  for (const [index, { id }] of given.entries()) {
    if (!questions.some((one) => one.id === id)) throw badAnswer('question_unknown', index, id)
    const first = given.findIndex((one) => one.id === id)
    if (first !== index) throw badAnswer('question_repeated', index, id)
  }
  const answers = questions.map((question) => {
    const index = given.findIndex(({ id }) => id === question.id)
    if (index < 0) throw new ApiError('question_unanswered', question.id)
    return answerTo(question, given[index]!, index)
  })
  return { status, answered_by: 'user', answers }
}

const badAnswer = (code: ErrorCode, index: number, about: string) =>
  new ApiError(code, about, [{ path: `answers/${index}`, message: about }])

type Checked = { question: Question; answer: NewQuestionAnswer; index: number }

function answerTo(question: Question, answer: NewQuestionAnswer, index: number): QuestionAnswer {
  const checked = { question, answer, index }
  checkFields(checked)
  const { id, kind } = question
  if (kind === 'choice') return { id, ...choiceOf(checked) }
  if (kind === 'secret') return { id, secret_ref: refTo(question) }
  const value = kind === 'text' ? textOf(checked) : answer.value
  if (typeof value !== types[kind]) throw badAnswer('answer_invalid', index, `${id} is no ${kind}`)
  return { id, value: value! }
}

const types = { text: 'string', number: 'number', boolean: 'boolean' } as const

/** The place of the secret of a question. */
export const refTo = ({ secret_name }: Question) => `session:${secret_name}`

/** The fields that an answer may have, by the kind of its question. */
const fieldsOf: Record<Question['kind'], readonly (keyof NewQuestionAnswer)[]> = {
  choice: ['selected', 'other_text'],
  text: ['value', 'other_text'],
  number: ['value'],
  boolean: ['value'],
  secret: ['secret', 'secret_ref'],
}

/** Contract: exactly one field answers, except that a choice may have options and free text. */
function checkFields({ question: { id, kind }, answer, index }: Checked): void {
  const given = (Object.keys(answer) as (keyof NewQuestionAnswer)[]).filter(
    (field) => field !== 'id' && answer[field] != null,
  )
  const known = Object.values(fieldsOf).flat()
  const odd = given.find((field) => known.includes(field) && !fieldsOf[kind].includes(field))
  if (odd) throw badAnswer('answer_invalid', index, `${id} is a ${kind} and takes no ${odd}`)
  const own = given.filter((field) => fieldsOf[kind].includes(field))
  if (own.length === 0) throw badAnswer('answer_invalid', index, `${id} has no answer`)
  if (own.length > 1 && kind !== 'choice') {
    throw badAnswer('answer_invalid', index, `${id} has two answers`)
  }
}

function textOf({ answer: { value, other_text }, question: { id }, index }: Checked): string {
  const text = other_text ?? value
  if (typeof text !== 'string') throw badAnswer('answer_invalid', index, `${id} is no text`)
  return checkedText(text, { id, index })
}

function checkedText(text: string, { id, index }: { id: string; index: number }): string {
  if (text.trim() === '') throw badAnswer('answer_invalid', index, `${id} is empty`)
  if (text.length > answerTextMax) throw badAnswer('answer_too_long', index, String(answerTextMax))
  if (looksLikeCredential(text)) throw badAnswer('answer_is_credential', index, id)
  return text.toWellFormed()
}

function choiceOf({ question, answer, index }: Checked): Omit<QuestionAnswer, 'id'> {
  const { id, options = [], multi_select = false, allow_other = true } = question
  const { other_text } = answer
  const selected = answer.selected ?? []
  const unknown = selected.find((label) => !options.some((option) => option.label === label))
  if (unknown !== undefined) throw badAnswer('option_not_offered', index, id)
  if (new Set(selected).size < selected.length) {
    throw badAnswer('answer_invalid', index, `${id} has an option twice`)
  }
  const chosen = selected.length + (other_text == null ? 0 : 1)
  if (chosen === 0) throw badAnswer('answer_invalid', index, `${id} has no answer`)
  if (chosen > 1 && !multi_select) {
    throw badAnswer('answer_invalid', index, `${id} takes one option`)
  }
  if (other_text == null) return { selected }
  if (!allow_other) throw badAnswer('answer_invalid', index, `${id} takes no free text`)
  return { selected, other_text: checkedText(other_text, { id, index }) }
}
