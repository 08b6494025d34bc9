import type { NewQuestionAnswer, Question } from '@outlast/sdk'

/** A person's answer to one question so far. */
export type Drafted = {
  text?: string
  number?: number
  boolean?: boolean
  selected?: string[]
}
export type AnswerDrafts = Readonly<Record<string, Drafted>>

/** Returns the answers of a form; undefined while a question has none. */
export function answersOf(
  questions: readonly Question[],
  drafts: AnswerDrafts,
  secret: string,
): NewQuestionAnswer[] | undefined {
  const answers = questions.map((question) => answerTo(question, drafts[question.id] ?? {}, secret))
  return answers.every((answer) => answer !== undefined) ? answers : undefined
}

function answerTo(
  { id, kind }: Question,
  { text = '', number, boolean, selected = [] }: Drafted,
  secret: string,
): NewQuestionAnswer | undefined {
  const hasText = text.trim() !== ''
  switch (kind) {
    case 'choice':
      if (!hasText && selected.length === 0) return undefined
      return { id, selected, ...(hasText && { other_text: text }) }
    case 'text':
      return hasText ? { id, value: text } : undefined
    case 'number':
      return number === undefined ? undefined : { id, value: number }
    case 'boolean':
      return boolean === undefined ? undefined : { id, value: boolean }
    case 'secret':
      return secret === '' ? undefined : { id, secret }
  }
}
