import type { Event, Message, SendOptions } from '@outlast/sdk'
import { type Context, defineCommand, type Noun } from '../core/command.ts'
import { exitCodes, UsageError } from '../core/failure.ts'
import { listIfGiven } from '../input/capability-flags.ts'
import { readInput } from '../input/prompt.ts'
import { listFlags, take } from '../output/list.ts'
import { ago } from '../output/time.ts'
import { oneLine } from '../output/width.ts'

/** What a message says, in a few words. */
function shortText({ content = [] }: Message): string {
  return content
    .map((part) => {
      if (part.type === 'text') return part.text
      if (part.type === 'tool_call') return `calls ${part.name}`
      if (part.type === 'tool_result') return part.error ?? JSON.stringify(part.result)
      return `(${part.type})`
    })
    .join(' ')
}

const list = defineCommand({
  summary: 'the messages of a session, the oldest first',
  positionals: ['<session>'],
  flags: listFlags,
  async run({ outlast, out, signal }, { words, flags }) {
    const rows = take((page) => outlast.messages.list(words[0]!, page, { signal }), flags)
    await out.list(
      rows,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'ROLE', value: ({ role }) => role },
        { title: 'TEXT', value: shortText, isFlexible: true },
        { title: 'CREATED', value: ({ created_at }) => ago(created_at), isExtra: true },
      ],
      { empty: 'Nothing was said yet. `outlast messages send` says something.' },
    )
  },
})

const send = defineCommand({
  summary: 'says something; the text comes from the words or from stdin',
  more: 'With --wait it prints the answer when the turn is over. Ctrl-C stops waiting, not the turn.',
  positionals: ['<session>', '[text…]'],
  flags: {
    wait: { type: 'boolean', short: 'w', about: 'waits for the answer and prints it' },
    'on-busy': {
      type: 'string',
      choices: ['steer', 'queue', 'interrupt', 'reject'],
      value: 'WHAT',
      about: 'what becomes of it while a turn runs (steer)',
    },
    model: { type: 'string', short: 'm', value: 'MODEL', about: 'the model of this turn' },
    effort: { type: 'string', value: 'EFFORT', about: 'how much it should think' },
    tag: { type: 'string', short: 't', multiple: true, value: 'TAG', about: 'a tag' },
  },
  async run(context, { words, flags }) {
    const { outlast, out, signal } = context
    const [id, ...rest] = words
    const given = rest.length > 0 && rest.join(' ') !== '-' ? rest.join(' ') : undefined
    const text = given ?? (await readInput(context)).replace(/\n$/, '')
    if (text.trim() === '') throw new UsageError('There is no text: say it, or give it on stdin.')
    const controls = {
      ...(flags.model && { model_id: flags.model }),
      ...(flags.effort && { reasoning: { effort: flags.effort } }),
    }
    const tags = listIfGiven(flags.tag)
    const options: SendOptions = {
      ...(flags['on-busy'] && { on_busy: flags['on-busy'] }),
      ...(Object.keys(controls).length > 0 && { controls }),
      ...(tags && { tags }),
    }
    if (flags.wait) return answered(context, id!, { text, options })
    const message = { role: 'user' as const, content: [{ type: 'text' as const, text }] }
    const stored = await outlast.messages.create(id!, { message, ...options }, { signal })
    await out.done(stored, `Sent message ${stored.id}.`)
  },
})

/** What a turn needs from somebody else before it goes on. */
function waitOf(event: Event): string | undefined {
  if (event.type === 'tool.approval_requested') {
    return `The turn waits for somebody to allow or deny ${event.data.tool_call.name}.`
  }
  if (event.type !== 'tool.call_requested') return undefined
  const names = event.data.tool_calls.map(({ name }) => name)
  return `The turn waits for a client that runs ${names.join(', ')}.`
}

/** Sends and prints the answer. What the turn waits for meanwhile is told. */
async function answered(
  { outlast, out, signal }: Context,
  id: string,
  { text, options }: { text: string; options: SendOptions },
): Promise<number> {
  const turn = outlast.session(id).send(text, { ...options, signal })
  for await (const event of turn) {
    const wait = waitOf(event)
    if (wait) out.note(oneLine(wait))
  }
  const answer = await turn
  if (out.mode === 'json') await out.json(answer)
  else await out.text(answer.text)
  if (answer.outcome === 'completed') return exitCodes.ok
  out.note('The turn was cancelled.')
  return exitCodes.failed
}

export const messages: Noun = { list, send }
