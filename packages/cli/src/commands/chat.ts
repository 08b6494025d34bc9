import { checkStart, consents, type Start } from '../chat/start.ts'
import { type Context, defineCommand, type Noun } from '../core/command.ts'
import { UsageError } from '../core/failure.ts'
import { readInput } from '../input/prompt.ts'

/** The message from the command line or stdin; undefined to prompt at a terminal. */
async function given(context: Context, words: readonly string[]): Promise<string | undefined> {
  const isAtTerminal = context.io.stdin.isTTY === true
  const parts: string[] = []
  for (const word of words.length === 0 && !isAtTerminal ? ['-'] : words) {
    parts.push(word === '-' ? (await readInput(context)).trimEnd() : word)
  }
  if (parts.length === 0) return undefined
  const text = parts.join(' ')
  if (text.trim() === '') throw new UsageError('There is nothing to say: the message is empty.')
  return text
}

export const chat: Noun = {
  '': defineCommand({
    summary: 'talk to an agent; with a message, one exchange (`-` reads it from stdin)',
    positionals: ['[message…]'],
    flags: {
      agent: { type: 'string', short: 'a', value: 'AGENT', about: 'whom to talk to: id or name' },
      session: { type: 'string', short: 's', value: 'ID', about: 'goes on with this session' },
      model: { type: 'string', short: 'm', value: 'MODEL', about: 'which model: id or name' },
      effort: { type: 'string', value: 'LEVEL', about: 'how hard the model thinks' },
      title: { type: 'string', value: 'TEXT', about: 'title of the new session' },
      tag: { type: 'string', multiple: true, value: 'TAG', about: 'tag of the new session' },
      approve: {
        type: 'string',
        choices: consents,
        value: 'WHOM',
        about: 'who decides on tools that need consent (ask)',
      },
      verbose: { type: 'boolean', short: 'v', about: 'arguments, results and thinking whole' },
    },
    async run(context, { words, flags }) {
      const start: Start = {
        agent: flags.agent,
        session: flags.session,
        model: flags.model,
        effort: flags.effort,
        title: flags.title,
        tags: flags.tag,
        consent: flags.approve ?? 'ask',
        isVerbose: flags.verbose,
      }
      checkStart(start)
      const text = await given(context, words)
      if (text !== undefined) {
        return (await import('../chat/one-shot.ts')).oneShot(context, start, text)
      }
      if (!context.io.stdout.isTTY || context.out.mode !== 'text') {
        throw new UsageError('Say something: `outlast chat MESSAGE`, or through stdin.')
      }
      return (await import('../chat/interactive.ts')).converse(context, start)
    },
  }),
}
