import type { NewQuestionAnswer, Question } from '@outlast/sdk'

/** Reads the answers of a form. Undefined if one is missing. */
export function answersIn(
  questions: readonly Question[],
  form: FormData,
): NewQuestionAnswer[] | undefined {
  const answers = questions.flatMap((question) => answerIn(question, form) ?? [])
  return answers.length === questions.length ? answers : undefined
}

function answerIn(
  { id, kind, multi_select }: Question,
  form: FormData,
): NewQuestionAnswer | undefined {
  const [first = '', ...others] = form.getAll(id).map(String)
  if (kind === 'choice') return choiceIn({ id, multi_select }, form)
  if (first === '' || others.length > 0) return undefined
  if (kind === 'secret') return { id, secret: first }
  if (kind === 'number') return { id, value: Number(first) }
  return { id, value: kind === 'boolean' ? first === 'Yes' : first }
}

function choiceIn(
  { id, multi_select }: Pick<Question, 'id' | 'multi_select'>,
  form: FormData,
): NewQuestionAnswer | undefined {
  const selected = form.getAll(id).map(String)
  const other_text = String(form.get(`${id} other`) ?? '').trim()
  if (other_text === '') return selected.length > 0 ? { id, selected } : undefined
  return multi_select && selected.length > 0 ? { id, selected, other_text } : { id, other_text }
}
