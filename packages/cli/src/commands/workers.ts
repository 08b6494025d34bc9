import type { Outlast, Worker } from '@outlast/sdk'
import { defineCommand, type Noun } from '../core/command.ts'
import { listFlags, listIn, take } from '../output/list.ts'
import { ago } from '../output/time.ts'

const stateOf = ({ alive, draining }: Worker) =>
  !alive ? 'gone' : draining ? 'draining' : 'working'

const list = defineCommand({
  summary: 'the nodes: processes of this server on one database',
  flags: listFlags,
  async run({ outlast, out, signal }, { flags }) {
    const rows = take((page) => outlast.workers.list(page, { signal }), flags)
    await out.list(
      rows,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'STATE', value: stateOf },
        {
          title: 'TURNS',
          value: ({ used_slots, slots }) => `${used_slots ?? '-'}/${slots ?? '-'}`,
        },
        { title: 'VERSION', value: ({ version }) => version },
        { title: 'STARTED', value: ({ started_at }) => ago(started_at), isExtra: true },
      ],
      { empty: 'There is no node.' },
    )
  },
})

/** A verb that needs the id alone. */
const simple = (
  summary: string,
  act: (outlast: Outlast, id: string, signal: AbortSignal) => Promise<Worker>,
  sentenceOf: (worker: Worker) => string,
) =>
  defineCommand({
    summary,
    positionals: ['<worker>'],
    async run({ outlast, out, signal }, { words }) {
      const worker = await act(outlast, words[0]!, signal)
      await out.done(worker, sentenceOf(worker))
    },
  })

const health = defineCommand({
  summary: 'how the nodes do, and what waits',
  async run({ outlast, out, signal }) {
    const state = await outlast.workers.getHealth({ signal })
    const { workers } = state
    await out.item(state, {
      Status: state.status,
      Queued: state.queued,
      Running: state.running,
      Waiting: state.waiting,
      Failed: state.failed,
      'Oldest in the queue': ago(state.oldest_queued_at),
      ...(workers && {
        Nodes: `${workers.alive} alive, ${workers.draining} draining`,
        Slots: `${workers.used_slots} of ${workers.slots} used`,
      }),
    })
    for (const problem of listIn(state.problems)) out.note(`Problem: ${problem}`)
  },
})

export const workers: Noun = {
  list,
  drain: simple(
    'lets a node end what it runs and take no more',
    (outlast, id, signal) => outlast.workers.drain(id, { signal }),
    ({ id }) => `Node ${id} takes no more turns.`,
  ),
  resume: simple(
    'lets it take turns again',
    (outlast, id, signal) => outlast.workers.resume(id, { signal }),
    ({ id }) => `Node ${id} takes turns again.`,
  ),
  health,
}
