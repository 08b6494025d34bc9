import { defineCommand } from '../../core/command.ts'
import { listIfGiven } from '../../input/capability-flags.ts'
import { countIfGiven } from '../../input/list.ts'
import { modelFlag, namingFlags } from '../../input/session-flags.ts'

export const fork = defineCommand({
  summary: 'copy a session, whole or up to an event',
  positionals: ['<session>'],
  flags: {
    at: { type: 'string', value: 'SEQUENCE', about: 'sequence number of the last event to copy' },
    event: { type: 'string', value: 'EVENT', about: 'id of that event, instead of --at' },
    'take-key': { type: 'boolean', about: 'move the key of the session to the copy' },
    ...namingFlags,
    ...modelFlag,
  },
  async run({ outlast, out, signal }, { words, flags }) {
    const body = {
      at_sequence: countIfGiven(flags.at, '--at'),
      event_id: flags.event,
      take_key: flags['take-key'],
      title: flags.title,
      model_id: flags.model,
      tags: listIfGiven(flags.tag),
    }
    const session = await outlast.sessions.fork(words[0]!, body, { signal })
    await out.done(session, `Created session ${session.id}, a fork of ${words[0]}.`)
  },
})

export const retake = defineCommand({
  summary: 'send a message again, or an edited one, in a copy that takes the key',
  positionals: ['<session>', '<message>', '[text]'],
  async run({ outlast, out, signal }, { words }) {
    const [id, message_id, text] = words as [string, string, string | undefined]
    const content = text !== undefined && { content: [{ type: 'text' as const, text }] }
    const body = { message_id, ...(content && { message: content }) }
    const { session, message } = await outlast.sessions.retake(id, body, { signal })
    await out.done({ id: session.id, session, message }, `Session ${session.id} continues ${id}.`)
  },
})
