import {
  ErrorResponse,
  Execution,
  ExecutionPage,
  ExecutionQuery,
  NewSchedule,
  Schedule,
  ScheduleChange,
  SchedulePage,
  ScheduleQuery,
  ScheduleStats,
  Triggered,
} from '@outlast/contract'
import { creatorOf } from '../../../access/principal.ts'
import { isTimeZone } from '../../../capabilities/time-zone.ts'
import { ApiError, invalidAt } from '../../../errors.ts'
import { parseUuid } from '../../../ids.ts'
import { modelScope } from '../../../providers/keys.ts'
import { checkInterval, firstAfter, readCron } from '../../../runtime/schedules/cron.ts'
import { checkRetryPolicy, checkTarget } from '../../../runtime/schedules/targets.ts'
import { triggerSchedule } from '../../../runtime/schedules/trigger.ts'
import { atomically, type Db } from '../../../store/database.ts'
import {
  getExecution,
  listExecutions,
  readStats,
} from '../../../store/schedules/schedule-executions.ts'
import {
  countSchedules,
  createSchedule,
  deleteSchedule,
  getSchedule,
  holdSchedule,
  listSchedules,
  readNow,
  type ScheduleFields,
  updateSchedule,
} from '../../../store/schedules/schedules.ts'
import type { Api } from '../../core/api.ts'
import { listed, rangeOf } from '../../core/page.ts'

type Params = { schedule_id: string }

const idIn = ({ schedule_id }: Params) => parseUuid('schedule', schedule_id)

export function scheduleRoutes(api: Api): void {
  listRoutes(api)
  scheduleRoute(api)
  actionRoutes(api)
  executionRoutes(api)
}

function whereOf(db: Db, orgId: string, { config }: Api['node']) {
  const intervalSeconds = config.AUTH_MODE === 'none' ? 1 : config.SCHEDULE_INTERVAL_MIN_SECONDS
  return { db, orgId, models: modelScope(config, orgId), intervalSeconds }
}

function listRoutes({ app, node }: Api): void {
  app.route<{ Querystring: ScheduleQuery }>({
    method: 'GET',
    url: '/v1/durable/schedules',
    schema: {
      operationId: 'list_schedules',
      querystring: ScheduleQuery,
      response: { 200: SchedulePage, '4xx': ErrorResponse },
    },
    async handler({ query, principal, db }) {
      const range = rangeOf(query)
      return listed(await listSchedules(db, principal.orgId, { ...query, ...range }), range)
    },
  })

  app.route<{ Body: NewSchedule }>({
    method: 'POST',
    url: '/v1/durable/schedules',
    schema: {
      operationId: 'create_schedule',
      body: NewSchedule,
      response: { 201: Schedule, '4xx': ErrorResponse },
    },
    async handler({ body, principal, db }, reply) {
      const { orgId } = principal
      const max = node.config.SCHEDULES_MAX
      const fields = await fieldsOf(whereOf(db, orgId, node), body)
      if (max > 0 && (await countSchedules(db, orgId)) >= max) {
        throw new ApiError('schedule_limit', String(max))
      }
      return reply.code(201).send(await createSchedule(db, orgId, fields, creatorOf(principal)))
    },
  })
}

function scheduleRoute({ app, node }: Api): void {
  app.route<{ Params: Params }>({
    method: 'GET',
    url: '/v1/durable/schedules/:schedule_id',
    schema: {
      operationId: 'get_schedule',
      response: { 200: Schedule, '4xx': ErrorResponse },
    },
    handler: ({ params, principal, db }) => getSchedule(db, principal.orgId, idIn(params)),
  })

  app.route<{ Params: Params; Body: ScheduleChange }>({
    method: 'PATCH',
    url: '/v1/durable/schedules/:schedule_id',
    schema: {
      operationId: 'update_schedule',
      body: ScheduleChange,
      response: { 200: Schedule, '4xx': ErrorResponse },
    },
    handler({ params, body, principal: { orgId }, db }) {
      const id = idIn(params)
      return atomically(db, async (db) => {
        const held = await holdSchedule(db, orgId, id)
        return updateSchedule(
          db,
          { orgId, id },
          await changesOf(whereOf(db, orgId, node), held, body),
        )
      })
    },
  })

  app.route<{ Params: Params }>({
    method: 'DELETE',
    url: '/v1/durable/schedules/:schedule_id',
    schema: {
      operationId: 'delete_schedule',
      response: { '4xx': ErrorResponse },
    },
    async handler({ params, principal, db }, reply) {
      await deleteSchedule(db, principal.orgId, idIn(params))
      return reply.code(204).send()
    },
  })
}

type Routes = Pick<Api, 'app' | 'node'>

function actionRoutes({ app, node }: Routes): void {
  for (const [action, enabled] of [
    ['pause', false],
    ['resume', true],
  ] as const) {
    app.route<{ Params: Params }>({
      method: 'POST',
      url: `/v1/durable/schedules/:schedule_id/${action}`,
      config: { whenFull: !enabled },
      schema: {
        operationId: `${action}_schedule`,
        response: { 200: Schedule, '4xx': ErrorResponse },
      },
      handler({ params, principal: { orgId }, db }) {
        const id = idIn(params)
        return atomically(db, async (db) => {
          const held = await holdSchedule(db, orgId, id)
          const next = enabled ? await nextOf(db, held) : null
          const change = { enabled, next_trigger_at: next, paused_reason: null }
          return updateSchedule(db, { orgId, id }, change)
        })
      },
    })
  }

  app.route<{ Params: Params }>({
    method: 'POST',
    url: '/v1/durable/schedules/:schedule_id/trigger',
    schema: {
      operationId: 'trigger_schedule',
      response: { 200: Triggered, '4xx': ErrorResponse },
    },
    async handler({ params, principal: { orgId }, db, committed }) {
      const id = idIn(params)
      const { executionId, publish } = await atomically(db, async (db) => {
        const schedule = await holdSchedule(db, orgId, id)
        return triggerSchedule(node, db, { orgId, schedule })
      })
      committed.push(publish)
      return { execution_id: executionId }
    },
  })
}

function executionRoutes({ app }: Routes): void {
  app.route<{ Params: Params; Querystring: ExecutionQuery }>({
    method: 'GET',
    url: '/v1/durable/schedules/:schedule_id/executions',
    schema: {
      operationId: 'list_schedule_executions',
      querystring: ExecutionQuery,
      response: { 200: ExecutionPage, '4xx': ErrorResponse },
    },
    async handler({ params, query, principal: { orgId }, db }) {
      const { id: scheduleId } = await getSchedule(db, orgId, idIn(params))
      const range = rangeOf(query)
      const of = { orgId, scheduleId }
      return listed(await listExecutions(db, of, { ...query, ...range }), range)
    },
  })

  app.route<{ Params: Params }>({
    method: 'GET',
    url: '/v1/durable/schedules/:schedule_id/stats',
    schema: {
      operationId: 'get_schedule_stats',
      response: { 200: ScheduleStats, '4xx': ErrorResponse },
    },
    async handler({ params, principal: { orgId }, db }) {
      const { id: scheduleId } = await getSchedule(db, orgId, idIn(params))
      return readStats(db, { orgId, scheduleId })
    },
  })

  app.route<{ Params: { execution_id: string } }>({
    method: 'GET',
    url: '/v1/durable/executions/:execution_id',
    schema: {
      operationId: 'get_execution',
      response: { 200: Execution, '4xx': ErrorResponse },
    },
    handler: ({ params, principal, db }) =>
      getExecution(db, principal.orgId, parseUuid('execution', params.execution_id)),
  })
}

type Where = Parameters<typeof checkTarget>[0] & { intervalSeconds: number }
type Clock = Pick<Schedule, 'cron_expression' | 'timezone'>

/** The next due time. Contract: throws 400 for an unknown zone, or one without a next time. */
async function nextOf(
  db: Db,
  { cron_expression, timezone }: Clock,
  intervalSeconds = 1,
): Promise<string> {
  if (/^[+-]/.test(timezone) || !isTimeZone(timezone)) {
    throw invalidAt('timezone', 'is not a known time zone')
  }
  const times = readCron(cron_expression, timezone)
  const next = firstAfter(times, await readNow(db))
  if (intervalSeconds > 1) checkInterval(times, next, intervalSeconds)
  return next
}

async function fieldsOf(where: Where, body: NewSchedule): Promise<ScheduleFields> {
  const { timezone = 'UTC', enabled = true } = body
  const next = await nextOf(where.db, { ...body, timezone }, where.intervalSeconds)
  return {
    name: body.name,
    description: body.description ?? null,
    cron_expression: body.cron_expression,
    timezone,
    target: await checkTarget(where, body.target),
    enabled,
    catch_up_missed: body.catch_up_missed ?? false,
    max_catch_up: body.max_catch_up ?? null,
    max_concurrent: body.max_concurrent ?? null,
    retry_policy: checkRetryPolicy(body.retry_policy),
    next_trigger_at: enabled ? next : null,
  }
}

/** The new state of a schedule. Only new times and enabling it change when it is due. */
async function changesOf(where: Where, held: Schedule, body: ScheduleChange) {
  const { target, retry_policy, ...rest } = body
  const given = Object.entries(rest).filter(([, value]) => value != null)
  const change = Object.fromEntries(given) as Omit<ScheduleChange, 'target'>
  const { enabled, ...clock } = { ...held, ...change } as Schedule
  const isNewClock = change.cron_expression !== undefined || change.timezone !== undefined
  const isAnew = isNewClock || enabled !== held.enabled
  // A new expression of a paused schedule must be valid too.
  const interval = isNewClock ? where.intervalSeconds : 1
  const next = isNewClock || (isAnew && enabled) ? await nextOf(where.db, clock, interval) : null
  return {
    ...(change as Partial<ScheduleFields>),
    ...(target != null && { target: await checkTarget(where, target) }),
    ...(retry_policy != null && { retry_policy: checkRetryPolicy(retry_policy) }),
    ...(isAnew && { next_trigger_at: enabled ? next : null }),
    ...(change.enabled != null && { paused_reason: null }),
  }
}
