import type { ContentPart, Event, Message, NewMessage, SendOptions } from '@outlast/sdk'
import { type Context, defineCommand, type Noun } from '../../core/command.ts'
import { exitCodes, UsageError } from '../../core/failure.ts'
import { findResource, type Kind, prefixed } from '../../core/resources.ts'
import { listIfGiven } from '../../input/capability-flags.ts'
import { findRow } from '../../input/find-row.ts'
import { countIfGiven, listFlags, take } from '../../input/list.ts'
import { readInput } from '../../input/prompt.ts'
import { turnFlags, turnInput } from '../../input/turn-input.ts'
import { ago, moment } from '../../output/time.ts'
import { cut, exactJson, oneLine } from '../../output/width.ts'

/** Columns of a message in a table, also without a terminal. */
const textColumnsMax = 80
/** Characters of a message that can be visible in a table. */
const charactersMax = 1_000

const resultText = (result: unknown) =>
  typeof result === 'string' ? result : JSON.stringify(result)

/** Names a part without text. */
const partName = (part: ContentPart) =>
  part.type === 'image_file' ? `(image ${part.filename ?? part.image_id})` : `(${part.type})`

/** Summarizes a message for a table. */
function shortText({ content = [] }: Message): string {
  const text = content
    .map((part) => {
      if (part.type === 'text') return part.text.slice(0, charactersMax)
      if (part.type === 'tool_call') return `calls ${part.name}`
      if (part.type === 'tool_result') return part.error ?? resultText(part.result)
      return partName(part)
    })
    .join(' ')
  return cut(oneLine(text.slice(0, charactersMax)), textColumnsMax)
}

const list = defineCommand({
  summary: 'list the messages of a session, the oldest first',
  more: 'Long texts are cut. `outlast sessions log` prints the conversation, --json whole messages.',
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
      { empty: 'No messages yet. `outlast messages send` sends one.' },
    )
  },
})

/** The whole text of a message, a paragraph for each part. */
const wholeText = ({ content = [] }: Message) =>
  content
    .map((part) => {
      if (part.type === 'text') return part.text
      if (part.type === 'tool_call') return `${part.name} ${exactJson(part.arguments, 2)}`
      if (part.type === 'tool_result')
        return (
          part.error ?? (typeof part.result === 'string' ? part.result : exactJson(part.result, 2))
        )
      return partName(part)
    })
    .join('\n\n')

const messageKind = (session: string): Kind => ({
  noun: 'message',
  listing: `outlast messages list ${session}`,
  isId: prefixed('message'),
  namesOf: () => [],
  list: ({ messages }, page, options) => messages.list(session, page, options),
})

const get = defineCommand({
  summary: 'show a message whole',
  positionals: ['<session>', '<message>'],
  async run({ outlast, out, signal }, { words }) {
    const [session, text] = words as [string, string]
    const { id } = await findResource(messageKind(session), text, { outlast, signal })
    const found = await findRow(outlast.messages.list(session, {}, { signal }), 'message', id)
    await out.item(found, {
      ID: found.id,
      Role: found.role,
      Sequence: found.sequence,
      Tags: () => found.tags?.join(', '),
      Created: moment(found.created_at),
    })
    if (out.mode === 'text') await out.text(`\n${wholeText(found)}`)
  },
})

const send = defineCommand({
  summary: 'send a message; the text comes from the arguments or stdin',
  more: '--wait prints the answer at the end of the turn. Ctrl-C stops waiting, not the turn.\nA message with --output, --instructions, --context or --tools has a turn of its own.',
  aliases: ['create'],
  positionals: ['<session>', '[text…]'],
  flags: {
    wait: { type: 'boolean', short: 'w', about: 'wait for the answer and print it' },
    'on-busy': {
      type: 'string',
      choices: ['steer', 'queue', 'interrupt', 'reject'],
      value: 'MODE',
      about: 'delivery while a turn runs (steer)',
    },
    'if-sequence': {
      type: 'string',
      value: 'N',
      about: 'send only if the last event of the session is this one',
    },
    'if-key': {
      type: 'string',
      value: 'TEXT',
      about: 'send only if the session still has this key',
    },
    model: { type: 'string', short: 'm', value: 'MODEL', about: 'model of the turn (id or name)' },
    effort: { type: 'string', value: 'EFFORT', about: 'reasoning effort' },
    'max-output-tokens': {
      type: 'string',
      value: 'N',
      about: 'most output tokens of each model call',
    },
    tag: { type: 'string', short: 't', multiple: true, value: 'TAG', about: 'tag' },
    ...turnFlags,
  },
  async run(context, { words, flags }) {
    const { outlast, out, signal } = context
    const [id, ...rest] = words
    const given = rest.length > 0 && rest.join(' ') !== '-' ? rest.join(' ') : undefined
    const text = given ?? (await readInput(context)).replace(/\r?\n$/, '')
    if (text.trim() === '') {
      throw new UsageError('The message is empty. Pass the text as an argument or on stdin.')
    }
    const max_output_tokens = countIfGiven(flags['max-output-tokens'], '--max-output-tokens')
    const controls = {
      ...(max_output_tokens !== undefined && { max_output_tokens }),
      ...(flags.model && { model_id: flags.model }),
      ...(flags.effort && { reasoning: { effort: flags.effort } }),
    }
    const if_sequence = countIfGiven(flags['if-sequence'], '--if-sequence')
    const tags = listIfGiven(flags.tag)
    const { output, tools, ...settings } = await turnInput(context, flags)
    if (tools && flags.wait) {
      throw new UsageError('--tools: another program runs these tools. Leave out --wait.')
    }
    const options = {
      ...(flags['on-busy'] && { on_busy: flags['on-busy'] }),
      ...(if_sequence !== undefined && { if_sequence }),
      ...(flags['if-key'] !== undefined && { if_key: flags['if-key'] }),
      ...(Object.keys(controls).length > 0 && { controls }),
      ...(tags && { tags }),
      ...settings,
    }
    if (flags.wait) {
      return answered(context, id!, { text, options: { ...options, output } })
    }
    const message = { role: 'user' as const, content: [{ type: 'text' as const, text }] }
    const schema = output && { controls: { ...controls, output_schema: { ...output } } }
    const body: NewMessage = { message, ...options, ...schema, ...(tools && { tools }) }
    const stored = await outlast.messages.create(id!, body, { signal })
    await out.done(stored, `Sent message ${stored.id}.`)
  },
})

/** Describes an event that makes the turn wait. */
function waitOf(event: Event): string | undefined {
  if (event.type === 'tool.approval_requested') {
    return `The turn waits for approval of ${event.data.tool_call.name}.`
  }
  if (event.type !== 'tool.call_requested') return undefined
  const names = event.data.tool_calls.map(({ name }) => name)
  if (event.data.input) {
    return `The turn waits for answers to ${names.join(', ')}: see \`outlast sessions answer\`.`
  }
  return `The turn waits for a client that runs ${names.join(', ')}.`
}

/** Sends a message and prints the answer. Notes report when the turn waits. */
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
  else if (answer.output !== undefined) await out.text(JSON.stringify(answer.output, null, 2))
  else await out.text(answer.text)
  if (answer.outcome === 'completed') return exitCodes.ok
  out.failure('The turn was cancelled.')
  return exitCodes.failed
}

export const messages: Noun = { list, get, send }
