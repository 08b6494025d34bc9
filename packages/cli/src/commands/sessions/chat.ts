import { checkStart, consents, type Start } from '../../chat/start.ts'
import { type Context, defineCommand, type Noun } from '../../core/command.ts'
import { UsageError } from '../../core/failure.ts'
import { readInput } from '../../input/prompt.ts'

/** Reads the message of the command line or stdin. Undefined: chat at the terminal. */
async function readMessage(
  context: Context,
  words: readonly string[],
): Promise<string | undefined> {
  const isAtTerminal = context.io.stdin.isTTY === true
  const parts: string[] = []
  for (const word of words.length === 0 && !isAtTerminal ? ['-'] : words) {
    parts.push(word === '-' ? (await readInput(context)).trimEnd() : word)
  }
  if (parts.length === 0) return undefined
  const text = parts.join(' ')
  if (text.trim() === '') throw new UsageError('The message is empty.')
  return text
}

export const chat: Noun = {
  '': defineCommand({
    summary: 'chat with an agent; with a message, one exchange (`-` reads stdin)',
    positionals: ['[message…]'],
    flags: {
      agent: { type: 'string', short: 'a', value: 'AGENT', about: 'agent to use (id or name)' },
      session: { type: 'string', short: 's', value: 'SESSION', about: 'session to continue' },
      model: { type: 'string', short: 'm', value: 'MODEL', about: 'model to use (id or name)' },
      effort: { type: 'string', value: 'LEVEL', about: 'reasoning effort' },
      image: {
        type: 'string',
        short: 'i',
        multiple: true,
        value: 'FILE',
        about: 'image to send with the first message',
      },
      title: { type: 'string', value: 'TEXT', about: 'title of the new session' },
      tag: { type: 'string', multiple: true, value: 'TAG', about: 'tag of the new session' },
      approve: {
        type: 'string',
        choices: consents,
        value: 'MODE',
        about: 'decision on tool calls that need approval (ask)',
      },
      verbose: {
        type: 'boolean',
        short: 'v',
        about: 'print arguments, results and thinking whole',
      },
    },
    async run(context, { words, flags }) {
      const start: Start = {
        agent: flags.agent,
        session: flags.session,
        model: flags.model,
        effort: flags.effort,
        title: flags.title,
        tags: flags.tag,
        images: flags.image,
        consent: flags.approve ?? 'ask',
        isVerbose: flags.verbose,
      }
      checkStart(start)
      const text = await readMessage(context, words)
      if (text !== undefined) {
        return (await import('../../chat/one-shot.ts')).oneShot(context, start, text)
      }
      if (!context.io.stdout.isTTY || context.out.mode !== 'text') {
        throw new UsageError('A message is required: `outlast chat MESSAGE`, or stdin.')
      }
      return (await import('../../chat/interactive.ts')).converse(context, start)
    },
  }),
}
