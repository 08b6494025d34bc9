import {
  Alert,
  AlertChange,
  AlertFiringPage,
  AlertFiringQuery,
  AlertPage,
  AlertQuery,
  ErrorResponse,
  NewAlert,
} from '@outlast/contract'
import { invalidAt } from '../../../errors.ts'
import { parseId } from '../../../ids.ts'
import {
  type AlertFields,
  countAlerts,
  createAlert,
  deleteAlert,
  getAlert,
  holdAlert,
  listAlerts,
  listFirings,
  updateAlert,
} from '../../../store/alerts/alerts.ts'
import { atomically } from '../../../store/database.ts'
import { getAgent } from '../../../store/models/agents.ts'
import type { Api } from '../../core/api.ts'
import { checkNumber } from '../../core/number-limit.ts'
import { listed, rangeOf } from '../../core/page.ts'

const alertsMax = 100

type Params = { alert_id: string }

const placeOf = (orgId: string, { alert_id }: Params) => ({
  orgId,
  id: parseId('alert', alert_id),
})

export function alertRoutes(api: Api): void {
  collectionRoutes(api)
  itemRoutes(api)
  firingRoute(api)
}

function collectionRoutes({ app }: Api): void {
  app.route<{ Querystring: AlertQuery }>({
    method: 'GET',
    url: '/v1/alerts',
    schema: {
      operationId: 'list_alerts',
      querystring: AlertQuery,
      response: { 200: AlertPage, '4xx': ErrorResponse },
    },
    async handler({ query, principal, db }) {
      const range = rangeOf(query)
      return listed(await listAlerts(db, principal.orgId, { ...query, ...range }), range)
    },
  })

  app.route<{ Body: NewAlert }>({
    method: 'POST',
    url: '/v1/alerts',
    schema: {
      operationId: 'create_alert',
      body: NewAlert,
      response: { 201: Alert, '4xx': ErrorResponse },
    },
    async handler({ body, principal: { orgId }, db }, reply) {
      const fields = checkedAlert(fieldsOf(body))
      if (fields.agent_id !== null) await getAgent(db, orgId, fields.agent_id)
      await checkNumber({ max: alertsMax, what: 'alerts', count: () => countAlerts(db, orgId) })
      return reply.code(201).send(await createAlert(db, orgId, fields))
    },
  })
}

function itemRoutes({ app }: Api): void {
  app.route<{ Params: Params }>({
    method: 'GET',
    url: '/v1/alerts/:alert_id',
    schema: {
      operationId: 'get_alert',
      response: { 200: Alert, '4xx': ErrorResponse },
    },
    handler: ({ params, principal, db }) => getAlert(db, placeOf(principal.orgId, params)),
  })

  app.route<{ Params: Params; Body: AlertChange }>({
    method: 'PATCH',
    url: '/v1/alerts/:alert_id',
    schema: {
      operationId: 'update_alert',
      body: AlertChange,
      response: { 200: Alert, '4xx': ErrorResponse },
    },
    handler({ params, body, principal, db }) {
      const place = placeOf(principal.orgId, params)
      return atomically(db, async (unit) => {
        const change = changedFields(body)
        const before = await holdAlert(unit, place)
        checkedAlert({ ...before, ...change })
        return updateAlert(unit, place, { before, change })
      })
    },
  })

  app.route<{ Params: Params }>({
    method: 'DELETE',
    url: '/v1/alerts/:alert_id',
    schema: {
      operationId: 'delete_alert',
      response: { '4xx': ErrorResponse },
    },
    async handler({ params, principal, db }, reply) {
      await deleteAlert(db, placeOf(principal.orgId, params))
      return reply.code(204).send()
    },
  })
}

function firingRoute({ app }: Api): void {
  app.route<{ Params: Params; Querystring: AlertFiringQuery }>({
    method: 'GET',
    url: '/v1/alerts/:alert_id/firings',
    schema: {
      operationId: 'list_alert_firings',
      querystring: AlertFiringQuery,
      response: { 200: AlertFiringPage, '4xx': ErrorResponse },
    },
    async handler({ params, query, principal, db }) {
      const { id } = await getAlert(db, placeOf(principal.orgId, params))
      const range = rangeOf(query)
      return listed(await listFirings(db, id, range), range)
    },
  })
}

const windowed = new Set(['failed_turns', 'failed_turn_share', 'cost_usd'])
const windowDefault = 3_600
const minTurnsDefault = 10

function fieldsOf(body: NewAlert): AlertFields {
  const { name, metric, threshold } = body
  return {
    name,
    metric,
    threshold,
    agent_id: body.agent_id ?? null,
    resolve_below: body.resolve_below ?? null,
    window_seconds: body.window_seconds ?? (windowed.has(metric) ? windowDefault : null),
    min_turns: body.min_turns ?? (metric === 'failed_turn_share' ? minTurnsDefault : null),
    repeat_seconds: body.repeat_seconds ?? null,
    enabled: body.enabled ?? true,
  }
}

/** The properties that clients may change; others have no effect. */
function changedFields({ name, threshold, enabled, ...body }: AlertChange): Partial<AlertFields> {
  const { resolve_below, window_seconds, min_turns, repeat_seconds } = body
  const known = {
    name,
    threshold,
    enabled,
    resolve_below,
    window_seconds,
    min_turns,
    repeat_seconds,
  }
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined))
}

/** Contract: throws 400 for properties that do not fit the metric. */
function checkedAlert(fields: AlertFields): AlertFields {
  const { metric, threshold, resolve_below, window_seconds, min_turns } = fields
  if (metric === 'failed_turns' && !(Number.isInteger(threshold) && threshold <= 10_000)) {
    throw invalidAt('threshold', 'must be a whole number from 1 to 10,000 for `failed_turns`')
  }
  if (metric === 'failed_turn_share' && threshold > 1) {
    throw invalidAt('threshold', 'must be at most 1 for `failed_turn_share`')
  }
  if (resolve_below !== null && resolve_below > threshold) {
    throw invalidAt('resolve_below', 'must be at most `threshold`')
  }
  if (window_seconds !== null && !windowed.has(metric)) {
    throw invalidAt('window_seconds', `must be absent for \`${metric}\``)
  }
  if (min_turns !== null && metric !== 'failed_turn_share') {
    throw invalidAt('min_turns', `must be absent for \`${metric}\``)
  }
  return fields
}
