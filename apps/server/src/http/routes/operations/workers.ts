import { statfs } from 'node:fs/promises'
import {
  DurableHealth,
  ErrorResponse,
  PageQuery,
  TurnHistory,
  TurnHistoryQuery,
  Worker,
  WorkerPage,
} from '@outlast/contract'
import { isOperator } from '../../../access/principal.ts'
import type { Config } from '../../../config.ts'
import { ApiError, invalidId } from '../../../errors.ts'
import { quantileMs } from '../../../observe/times.ts'
import type { Db } from '../../../store/database.ts'
import {
  type HealthCounts,
  listWorkers,
  readHealth,
  setDraining,
} from '../../../store/turns/nodes.ts'
import { readTurnMinutes } from '../../../store/turns/turn-minutes.ts'
import type { Api } from '../../core/api.ts'
import { listed, rangeOf } from '../../core/page.ts'

const nodeId = /^node_[0-9a-f]{1,32}$/

export function workerRoutes({ app, node, codeProblems }: Api): void {
  app.route({
    method: 'GET',
    url: '/v1/durable/health',
    schema: {
      operationId: 'get_durable_health',
      response: { 200: DurableHealth, '4xx': ErrorResponse },
    },
    async handler({ principal, db }) {
      const forOperator = isOperator(principal)
      const counts = await readHealth(db, principal.orgId, forOperator)
      if (!forOperator) return healthOf(counts)
      const { alive, draining, slots, used_slots } = counts
      const workers = { alive, draining, slots, used_slots }
      return { ...healthOf(counts, codeProblems?.()), workers, ...(await diskOf(node.config)) }
    },
  })

  app.route<{ Querystring: TurnHistoryQuery }>({
    method: 'GET',
    url: '/v1/durable/history',
    config: { access: 'operator' },
    schema: {
      operationId: 'get_turn_history',
      querystring: TurnHistoryQuery,
      response: { 200: TurnHistory, '4xx': ErrorResponse },
    },
    handler: ({ query, db }) => historyOf(db, query.minutes ?? 60),
  })

  app.route<{ Querystring: PageQuery }>({
    method: 'GET',
    url: '/v1/durable/workers',
    config: { access: 'operator' },
    schema: {
      operationId: 'list_workers',
      querystring: PageQuery,
      response: { 200: WorkerPage, '4xx': ErrorResponse },
    },
    async handler({ query, db }) {
      const range = rangeOf(query)
      return listed(await listWorkers(db, range), range)
    },
  })

  for (const [verb, draining] of [
    ['drain', true],
    ['resume', false],
  ] as const) {
    app.route<{ Params: { worker_id: string } }>({
      method: 'POST',
      url: `/v1/durable/workers/:worker_id/${verb}`,
      config: { access: 'operator' },
      schema: {
        operationId: `${verb}_worker`,
        response: { 200: Worker, '4xx': ErrorResponse },
      },
      async handler({ params, db, committed }) {
        if (!nodeId.test(params.worker_id)) throw invalidId('worker', 'node_0123456789abcdef')
        const worker = await setDraining(db, params.worker_id, draining)
        if (!worker) throw new ApiError('not_found', 'Worker')
        committed.push(() => node.bus.requestLook(worker.id))
        return worker
      },
    })
  }
}

/** Free space of the embedded database; empty for an external one. */
async function diskOf({ DATABASE_URL, DATA_DIR }: Config): Promise<Pick<DurableHealth, 'disk'>> {
  if (DATABASE_URL !== undefined) return {}
  const found = await statfs(DATA_DIR).catch(() => undefined)
  if (!found) return {}
  const { bavail, blocks, bsize } = found
  return { disk: { free_bytes: bavail * bsize, size_bytes: blocks * bsize } }
}

function healthOf(counts: HealthCounts, more: readonly string[] = []): DurableHealth {
  const { queued, running, waiting, failed, oldest_queued_at, lost, taking, hooks_behind } = counts
  const problems = [
    ...(taking === 0 ? ['No node takes turns.'] : []),
    ...(lost > 0 ? [`Turns whose node is gone, about to be taken over: ${lost}.`] : []),
    ...hooks_behind.map((hook) => `The event hook ${hook} is more than 5 minutes behind.`),
    ...more,
  ]
  return {
    status: problems.length > 0 ? 'degraded' : 'ok',
    problems,
    queued,
    running,
    waiting,
    failed,
    oldest_queued_at,
  }
}

const stepsMax = 120
const minuteMs = 60_000

async function historyOf(db: Db, minutes: number): Promise<TurnHistory> {
  const stepMinutes = Math.ceil(minutes / stepsMax)
  const stepMs = stepMinutes * minuteMs
  const count = Math.ceil(minutes / stepMinutes)
  const sinceMs = (Math.floor(Date.now() / stepMs) - count + 1) * stepMs
  const found = await readTurnMinutes(db, new Date(sinceMs), stepMinutes)
  const byTime = new Map(found.map((one) => [Date.parse(one.at), one]))
  const steps = Array.from({ length: count }, (_, at) => {
    const atMs = sinceMs + at * stepMs
    const { completed, failed, cancelled, ...times } = byTime.get(atMs) ?? nothing
    return {
      at: new Date(atMs).toISOString(),
      completed,
      failed,
      cancelled,
      turn_p50_ms: quantileMs(times.turn_times, 0.5),
      turn_p95_ms: quantileMs(times.turn_times, 0.95),
      first_token_p50_ms: quantileMs(times.first_token_times, 0.5),
      first_token_p95_ms: quantileMs(times.first_token_times, 0.95),
    }
  })
  return { step_seconds: stepMs / 1_000, steps }
}

const nothing = {
  completed: 0,
  failed: 0,
  cancelled: 0,
  turn_times: [],
  first_token_times: [],
}
