import { defineCommand, type Noun } from '../core/command.ts'
import { given } from '../input/change.ts'
import { listFlags, take } from '../output/list.ts'
import { ago, moment } from '../output/time.ts'

const list = defineCommand({
  summary: 'turns that run, wait, or failed for good',
  flags: {
    ...listFlags,
    status: {
      type: 'string',
      choices: ['queued', 'running', 'waiting', 'failed'],
      value: 'STATUS',
      about: 'in this state',
    },
    session: { type: 'string', short: 's', value: 'SESSION', about: 'of this session' },
    agent: { type: 'string', short: 'a', value: 'AGENT', about: 'of this agent' },
    node: { type: 'string', value: 'WORKER', about: 'on this node' },
  },
  async run({ outlast, out, signal }, { flags }) {
    const { status, session, agent, node } = flags
    const query = given({ status, session_id: session, agent_id: agent, node })
    const rows = take((page) => outlast.workflows.list({ ...query, ...page }, { signal }), flags)
    await out.list(
      rows,
      [
        { title: 'TURN', value: ({ turn_id }) => turn_id },
        { title: 'STATUS', value: ({ status }) => status },
        { title: 'SINCE', value: ({ since }) => ago(since), isExtra: true },
        { title: 'TRIES', value: ({ tries }) => tries, isExtra: true },
        { title: 'ERROR', value: ({ error }) => error, isFlexible: true },
      ],
      { empty: 'No turn runs or waits here.', idOf: ({ turn_id }) => turn_id },
    )
  },
})

const get = defineCommand({
  summary: 'one turn, and why it is as it is',
  positionals: ['<turn>'],
  async run({ outlast, out, signal }, { words }) {
    const turn = await outlast.workflows.get(words[0]!, { signal })
    await out.item(
      { id: turn.turn_id, ...turn },
      {
        Turn: turn.turn_id,
        Session: turn.session_id,
        Agent: turn.agent_id,
        Status: turn.status,
        Since: moment(turn.since),
        Why: turn.why?.sentence,
        Node: turn.node,
        Attempts: turn.attempts,
        Error: turn.error,
        'Error code': turn.error_code,
        'Tried again as': turn.retried_as,
      },
    )
  },
})

const cancel = defineCommand({
  summary: 'ends a turn',
  positionals: ['<turn>'],
  async run({ outlast, out, signal }, { words }) {
    const id = words[0]!
    const answer = await outlast.workflows.cancel(id, { signal })
    await out.done(
      { id, ...answer },
      answer.status === 'no_op' ? 'It does not run any more.' : `Cancelled turn ${id}.`,
    )
  },
})

const retry = defineCommand({
  summary: 'a new turn for the message of one that failed for good',
  positionals: ['<turn>'],
  async run({ outlast, out, signal }, { words }) {
    const turn = await outlast.workflows.retry(words[0]!, { signal })
    await out.done({ id: turn.turn_id, ...turn }, `Turn ${turn.turn_id} tries again.`)
  },
})

export const workflows: Noun = { list, get, cancel, retry }
