import type { Outlast, Worker } from '@outlast/sdk'
import { defineCommand, type Noun } from '../../core/command.ts'
import { findRow } from '../../input/find-row.ts'
import { listFlags, take } from '../../input/list.ts'
import { listIn } from '../../output/rows.ts'
import { ago, moment } from '../../output/time.ts'

const stateOfWorker = ({ alive, draining }: Worker) =>
  !alive ? 'dead' : draining ? 'draining' : 'working'

const list = defineCommand({
  summary: 'list the nodes: processes of this server on one database',
  flags: listFlags,
  async run({ outlast, out, signal }, { flags }) {
    const rows = take((page) => outlast.workers.list(page, { signal }), flags)
    await out.list(
      rows,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'STATE', value: stateOfWorker },
        {
          title: 'TURNS',
          value: ({ used_slots, slots }) => `${used_slots ?? '-'}/${slots ?? '-'}`,
        },
        { title: 'VERSION', value: ({ version }) => version },
        { title: 'CATALOG', value: ({ catalog_hash }) => catalog_hash ?? '-' },
        { title: 'STARTED', value: ({ started_at }) => ago(started_at), isExtra: true },
      ],
      { empty: 'No nodes.' },
    )
  },
})

/** Defines a verb whose only argument is the node. */
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

const get = defineCommand({
  summary: 'show a node',
  positionals: ['<worker>'],
  async run({ outlast, out, signal }, { words }) {
    const worker = await findRow(outlast.workers.list({}, { signal }), 'worker', words[0]!)
    await out.item(worker, {
      ID: worker.id,
      State: stateOfWorker(worker),
      Turns: `${worker.used_slots ?? '-'} of ${worker.slots ?? '-'} slots`,
      Version: worker.version,
      Catalog: worker.catalog_hash ?? '-',
      Started: moment(worker.started_at),
    })
  },
})

const health = defineCommand({
  summary: 'show the health of the nodes and the queue',
  async run({ outlast, out, signal }) {
    const state = await outlast.workers.getHealth({ signal })
    const { workers } = state
    await out.item(state, {
      Status: state.status,
      Queued: state.queued,
      Running: state.running,
      Waiting: state.waiting,
      Failed: state.failed,
      'Oldest queued': ago(state.oldest_queued_at),
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
  get,
  drain: simple(
    'finish the turns of a node and assign no new ones',
    (outlast, id, signal) => outlast.workers.drain(id, { signal }),
    ({ id }) => `Node ${id} is draining.`,
  ),
  resume: simple(
    'let a drained node take turns again',
    (outlast, id, signal) => outlast.workers.resume(id, { signal }),
    ({ id }) => `Node ${id} takes turns again.`,
  ),
  health,
}
