import type { DocsTable } from '../../core/docs.ts'

const node = 'node_b04bf2b2d6d61250'

export const workerDocs = {
  get_durable_health: {
    tag: 'Nodes',
    summary: 'Get the health of turns',
    description:
      'Counts the queued, running, waiting and failed turns of the organization and lists problems. For the operator it also returns the number of nodes and their slots, and the free space of the embedded database.',
    sample: 'const health = await outlast.workers.getHealth()',
  },
  get_turn_history: {
    tag: 'Nodes',
    summary: 'Get the turn history',
    description:
      'Returns how many turns of the server ended in each step of the last minutes, on all nodes, with the p50 and p95 of their duration and of the time to the first token. There are at most 120 steps.',
    sample: 'const history = await outlast.workers.getHistory({ minutes: 60 })',
  },
  list_workers: {
    tag: 'Nodes',
    summary: 'List nodes',
    description:
      'Returns a page of the nodes that are alive, were alive in the last minute, or have left turns that no other node has taken, with their slots and running turns. A worker is a node.',
    sample: 'const nodes = await outlast.workers.list()',
  },
  drain_worker: {
    tag: 'Nodes',
    summary: 'Drain a node',
    description:
      'Stops a node from taking new turns; the turns that it runs continue. Use it before maintenance. The node keeps serving requests and streams. Draining a draining node changes nothing.',
    sample: `const node = await outlast.workers.drain('${node}')`,
  },
  resume_worker: {
    tag: 'Nodes',
    summary: 'Resume a node',
    description: 'Lets a draining node take turns again.',
    sample: `const node = await outlast.workers.resume('${node}')`,
  },
} as const satisfies DocsTable
