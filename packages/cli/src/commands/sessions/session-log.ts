import { defineCommand } from '../../core/command.ts'
import { countIfGiven } from '../../input/list.ts'

export const log = defineCommand({
  summary: 'print the conversation of a session: messages, tools, approvals, errors',
  more: 'Times are UTC. On a terminal, answers are rendered as Markdown. --json prints one entry per line.',
  positionals: ['<session>'],
  flags: {
    follow: { type: 'boolean', short: 'f', about: 'print new entries until Ctrl-C' },
    tail: { type: 'string', short: 'n', value: 'N', about: 'only the last N entries' },
    verbose: {
      type: 'boolean',
      short: 'v',
      about: 'print arguments, results and thinking whole',
    },
  },
  async run(context, { words, flags }) {
    const { follow: isFollowing, verbose: isVerbose } = flags
    const tail = countIfGiven(flags.tail, '--tail')
    const { printTranscript } = await import('../../chat/transcript.ts')
    await printTranscript(context, { sessionId: words[0]!, tail, isFollowing, isVerbose })
  },
})
