import type { Outlast, QuestionAnswers, QuestionSet } from '@outlast/sdk'
import { askQuestions, readAnswer } from '../../chat/questions.ts'
import { questioningAt } from '../../chat/terminal-questions.ts'
import { type Context, defineCommand } from '../../core/command.ts'
import { UsageError } from '../../core/failure.ts'
import { listFlags, take } from '../../input/list.ts'
import { canAsk, readSecret } from '../../input/prompt.ts'
import { ago } from '../../output/time.ts'
import { oneLine } from '../../output/width.ts'

type Options = { signal: AbortSignal }
type Waiting = { callId: string; asked: QuestionSet }

/** Finds the questions that a session waits for. Contract: throws a UsageError unless it is one. */
async function questionsOf(
  outlast: Outlast,
  { sessionId, call }: { sessionId: string; call: string | undefined },
  options: Options,
): Promise<Waiting> {
  const { waiting_for } = await outlast.sessions.get(sessionId, options)
  const ids = (waiting_for?.calls ?? [])
    .filter(({ type, tool_call_id: id }) => type === 'input' && (call ?? id) === id)
    .map(({ tool_call_id }) => tool_call_id)
  const [callId, ...others] = ids
  if (callId === undefined) throw new UsageError('No question of this session waits for answers.')
  if (others.length > 0) {
    const names = ids.map((id) => `  ${oneLine(id)}`)
    throw new UsageError([`${ids.length} calls ask questions. Name one:`, ...names].join('\n'))
  }
  let asked: QuestionSet | undefined
  const query = { types: ['tool.call_requested' as const] }
  for await (const event of outlast.events.list(sessionId, query, options)) {
    if (event.type !== 'tool.call_requested') continue
    if (event.data.tool_calls.some(({ id }) => id === callId)) asked = event.data.input ?? asked
  }
  if (!asked) throw new UsageError('The questions of this session cannot be read.')
  return { callId, asked }
}

/** Reads answers from flags. Contract: throws a UsageError for an answer that does not fit. */
function answersIn({ questions }: QuestionSet, given: readonly string[]): QuestionAnswers {
  const answers = given.map((text) => {
    const at = text.indexOf('=')
    const [id, value] = at < 0 ? ['', text] : [text.slice(0, at), text.slice(at + 1)]
    const question = questions.find((one) => one.id === id)
    if (!question) {
      const ids = questions.map((one) => oneLine(one.id)).join(', ')
      throw new UsageError(`--answer needs QUESTION=ANSWER, with one of: ${ids}.`)
    }
    if (question.kind === 'secret') {
      throw new UsageError('A secret is not passed as a flag: run the command without --answer.')
    }
    const answer = readAnswer(question, value)
    if (typeof answer === 'string') throw new UsageError(`--answer ${oneLine(id)}: ${answer}`)
    return answer
  })
  return { answers }
}

async function askAtTerminal(context: Context, { questions }: QuestionSet) {
  if (!canAsk(context.io)) {
    throw new UsageError('There is no terminal to answer on: pass --answer or --decline.')
  }
  return askQuestions(questions, questioningAt(context))
}

export const answer = defineCommand({
  summary: 'answer the questions of a tool that waits',
  more: 'Without --answer, asks at the terminal. A secret is typed hidden, and is stored in the session.',
  positionals: ['<session>', '[call]'],
  flags: {
    answer: {
      type: 'string',
      multiple: true,
      value: 'QUESTION=ANSWER',
      about: 'answer to a question by its id: an option, text, number, yes or no',
    },
    decline: { type: 'boolean', about: 'decline all questions' },
  },
  async run(context, { words, flags }) {
    const { outlast, out, signal } = context
    const sessionId = words[0]!
    const { callId, asked } = await questionsOf(outlast, { sessionId, call: words[1] }, { signal })
    const body = flags.decline
      ? ({ status: 'declined' } as const)
      : flags.answer && flags.answer.length > 0
        ? answersIn(asked, flags.answer)
        : await askAtTerminal(context, asked)
    if (!body) return out.note('Left for later.')
    const named = { ...body, tool_call_id: callId, asked_at: asked.asked_at }
    const accepted = await outlast.sessions.answerQuestions(sessionId, named, { signal })
    const verb = accepted.status === 'declined' ? 'Declined' : 'Answered'
    await out.done({ id: sessionId, ...accepted }, `${verb} the questions of ${oneLine(callId)}.`)
  },
})

export const secrets = defineCommand({
  summary: 'list the names of the secrets of a session',
  positionals: ['<session>'],
  flags: listFlags,
  async run({ outlast, out, signal }, { words, flags }) {
    const list = (page: object) => outlast.sessions.listSecrets(words[0]!, page, { signal })
    await out.list(
      take(list, flags),
      [
        { title: 'NAME', value: ({ name }) => name },
        { title: 'UPDATED', value: ({ updated_at }) => ago(updated_at), isExtra: true },
      ],
      { empty: 'No secrets.' },
    )
  },
})

export const setSecret = defineCommand({
  summary: 'store a secret for the tools of a session',
  more: 'The secret is typed hidden, or read from stdin.',
  positionals: ['<session>', '<name>'],
  async run(context, { words }) {
    const { outlast, out, signal } = context
    const [id, name] = words as [string, string]
    const secret = await readSecret(context, 'secret')
    await outlast.sessions.setSecrets(id, { secrets: { [name]: secret } }, { signal })
    await out.done({ id, name }, `Stored the secret ${oneLine(name)} in ${id}.`)
  },
})
