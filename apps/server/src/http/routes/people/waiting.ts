import {
  ErrorResponse,
  type WaitingItem,
  WaitingPage,
  WaitingQuery,
  type WaitingType,
  waitingTypes,
} from '@outlast/contract'
import { tokenAllows } from '../../../access/grants.ts'
import type { Principal } from '../../../access/principal.ts'
import { rejection } from '../../../capabilities/mcp/failure.ts'
import { parseId } from '../../../ids.ts'
import {
  countWaiting,
  listWaiting,
  type WaitingRow,
} from '../../../store/sessions/waiting-items.ts'
import type { Api } from '../../core/api.ts'
import { listed, rangeOf } from '../../core/page.ts'
import { waitingView } from '../../security/token-view.ts'

/** What waits for a person in all sessions. */
export function waitingRoutes({ app }: Api): void {
  app.route<{ Querystring: WaitingQuery }>({
    method: 'GET',
    url: '/v1/waiting',
    config: { access: 'write', forToken: 'write', forEndUser: true },
    schema: {
      operationId: 'list_waiting',
      querystring: WaitingQuery,
      response: { 200: WaitingPage, '4xx': ErrorResponse },
    },
    async handler({ query, principal, db }) {
      const range = rangeOf(query)
      const { type, agent_id, session_id } = query
      const mine = typesFor(principal)
      const filter = {
        orgId: principal.orgId,
        types: mine,
        agentId: agent_id && parseId('agent', agent_id),
        sessionId: session_id && parseId('session', session_id),
        scope: principal.endUser,
        rejection,
      }
      const ofType = { ...filter, types: mine.filter((one) => (type ?? one) === one) }
      const all = await countWaiting(db, filter)
      const { total, total_capped } = type === undefined ? all : await countWaiting(db, ofType)
      const rows = await listWaiting(db, ofType, range)
      const data = rows.map((row) => waitingView(principal, waitingItemOf(row)))
      const page = { data, total, ...(total_capped && { total_capped }), counts: all.counts }
      return listed(page, range)
    },
  })
}

/** The types that a caller may answer, and budgets, which administrators answer. */
function typesFor({ grants, level }: Principal): WaitingType[] {
  if (grants) return tokenAllows(grants.access, 'approve') ? ['approval', 'input'] : ['input']
  return waitingTypes.filter((type) => type !== 'sign_in' || level === 'admin')
}

function waitingItemOf({ error, ...row }: WaitingRow): WaitingItem {
  const ofSession = `${row.session_id}:${row.tool_call_id ?? row.budget_id}`
  return {
    id: row.mcp_server_id ?? ofSession,
    ...row,
    summary: summaryLine(summaryOf({ ...row, error })),
  }
}

function summaryOf({ type, ...row }: WaitingRow): string {
  switch (type) {
    case 'approval':
      return row.arguments
        ? `${row.tool_name} ${JSON.stringify(row.arguments)}`
        : `${row.tool_name}`
    case 'input': {
      const [first, ...others] = row.questions?.questions ?? []
      const more = others.length > 0 ? ` (and ${others.length} more)` : ''
      return first ? `${first.question}${more}` : `${row.tool_name}`
    }
    case 'budget':
      return 'A budget is used up or paused.'
    case 'sign_in':
      return `${row.error}`
  }
}

const lengthMax = 240

/** Returns a text on one line, cut to its limit. */
function summaryLine(text: string): string {
  const line = text
    .slice(0, 4 * lengthMax)
    .replace(/[\s\p{Cc}\p{Cf}]+/gu, ' ')
    .trim()
  if (line.length <= lengthMax) return line
  const cut = line.slice(0, lengthMax - 1).replace(/[\ud800-\udbff]$/, '')
  return `${cut.toWellFormed()}…`
}
