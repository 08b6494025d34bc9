import { defineCommand, type Noun } from '../../core/command.ts'
import { given } from '../../input/change.ts'
import { listFlags, take } from '../../input/list.ts'
import { ago, moment } from '../../output/time.ts'

const list = defineCommand({
  summary: 'list turns that are queued, running, waiting or failed',
  flags: {
    ...listFlags,
    status: {
      type: 'string',
      choices: ['queued', 'running', 'waiting', 'failed'],
      value: 'STATUS',
      about: 'status of the turn',
    },
    session: { type: 'string', short: 's', value: 'SESSION', about: 'session of the turn' },
    agent: { type: 'string', short: 'a', value: 'AGENT', about: 'agent of the turn (id or name)' },
    node: { type: 'string', value: 'WORKER', about: 'node of the turn' },
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
      { empty: 'No turns match.', idOf: ({ turn_id }) => turn_id },
    )
  },
})

const get = defineCommand({
  summary: 'show a turn and the reason of its state',
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
        Reason: turn.why?.sentence,
        Node: turn.node,
        Attempts: turn.attempts,
        Error: turn.error,
        'Error code': turn.error_code,
        'Retried as': turn.retried_as,
      },
    )
  },
})

const cancel = defineCommand({
  summary: 'cancel a turn',
  positionals: ['<turn>'],
  async run({ outlast, out, signal }, { words }) {
    const id = words[0]!
    const answer = await outlast.workflows.cancel(id, { signal })
    await out.done(
      { id, ...answer },
      answer.status === 'no_op' ? 'The turn is already over.' : `Cancelled turn ${id}.`,
    )
  },
})

const retry = defineCommand({
  summary: 'start a new turn for the message of a failed one',
  positionals: ['<turn>'],
  async run({ outlast, out, signal }, { words }) {
    const turn = await outlast.workflows.retry(words[0]!, { signal })
    await out.done({ id: turn.turn_id, ...turn }, `Started turn ${turn.turn_id}.`)
  },
})

export const workflows: Noun = { list, get, cancel, retry }
