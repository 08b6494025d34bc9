import type { NewQuestionAnswer, Question, QuestionAnswers } from '@outlast/sdk'
import { type Words, wordOf } from '../input/prompt.ts'
import { oneLine } from '../output/width.ts'
import type { Ask } from './approval.ts'
import type { Tell } from './tell.ts'

export type Questioning = {
  tell: Tell
  ask: Ask
  say: (text: string) => void
  /** Reads a secret without showing it. Undefined where that is impossible. */
  askSecret?: (prompt: string) => Promise<string>
}

const choices = 'a: answer, d: decline, l: later'
const words = {
  answer: ['a', 'answer', 'y', 'yes'],
  decline: ['d', 'decline', 'n', 'no'],
  later: ['l', 'later'],
} satisfies Words

/** Asks the user the questions of a tool. Undefined: later. */
export async function askQuestions(
  questions: readonly Question[],
  questioning: Questioning,
): Promise<QuestionAnswers | undefined> {
  const { ask, say, tell, askSecret } = questioning
  for (const question of questions) say(shownOf(question, tell))
  for (;;) {
    say(tell.prose(choices, 'dim'))
    const word = wordOf(await ask('a/d/l › '), words)
    if (word === 'later') return undefined
    if (word === 'decline') return { status: 'declined' }
    if (word !== 'answer') continue
    if (askSecret || questions.every(({ kind }) => kind !== 'secret')) break
    say(tell.prose('A secret is not typed here: run `outlast sessions answer <session>`.'))
  }
  const answers: NewQuestionAnswer[] = []
  for (const question of questions) answers.push(await answerTo(question, questioning))
  return { answers }
}

function shownOf({ header, question, options = [], purpose, ...one }: Question, tell: Tell) {
  const lines = [tell.line('?', `${header ? `${header}: ` : ''}${question}`, '', 'bold')]
  if (purpose) lines.push(tell.prose(oneLine(`For: ${purpose}`), 'dim'))
  for (const [at, { label, description, default: isDefault }] of options.entries()) {
    const about = [isDefault && '(default)', description].filter(Boolean).join(' ')
    lines.push(tell.line(`${at + 1}`, label, about))
  }
  if (one.kind === 'choice') {
    const many = one.multi_select ? 'numbers separated by commas' : 'a number'
    const other = one.allow_other === false ? '' : ', or another answer as text'
    lines.push(tell.prose(`${many}${other}`, 'dim'))
  }
  return lines.join('\n')
}

async function answerTo(
  question: Question,
  { ask, askSecret, say, tell }: Questioning,
): Promise<NewQuestionAnswer> {
  const prompt = `${oneLine(question.header ?? question.id)} › `
  for (;;) {
    const isSecret = question.kind === 'secret'
    const typed = await (isSecret ? askSecret!(prompt) : ask(prompt))
    const answer = readAnswer(question, typed)
    if (typeof answer !== 'string') return answer
    say(tell.prose(answer, 'red'))
  }
}

const yesOrNo = { yes: ['y', 'yes', 'true'], no: ['n', 'no', 'false'] } satisfies Words

/** Reads a typed answer; a text is the reason why it is none. */
export function readAnswer(question: Question, typed: string): NewQuestionAnswer | string {
  const { id, kind } = question
  const text = typed.trim()
  if (text === '') return 'Type an answer.'
  if (kind === 'secret') return { id, secret: typed }
  if (kind === 'text') return { id, value: text }
  if (kind === 'number') {
    const value = Number(text)
    return Number.isFinite(value) ? { id, value } : 'Type a number.'
  }
  if (kind === 'boolean') {
    const word = wordOf(text, yesOrNo)
    return word ? { id, value: word === 'yes' } : 'Type yes or no.'
  }
  return readChoice(question, text)
}

function readChoice(question: Question, text: string): NewQuestionAnswer | string {
  const { id, options = [], multi_select = false, allow_other = true } = question
  const parts = multi_select ? text.split(',').map((part) => part.trim()) : [text]
  const selected = parts.map((part) => options[Number(part) - 1]?.label ?? labelOf(options, part))
  if (selected.every((label) => label !== undefined)) return { id, selected }
  return allow_other ? { id, other_text: text } : `Type a number from 1 to ${options.length}.`
}

const labelOf = (options: NonNullable<Question['options']>, text: string) =>
  options.find(({ label }) => label.toLowerCase() === text.toLowerCase())?.label
