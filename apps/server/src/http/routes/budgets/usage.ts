import { ErrorResponse, UsageQuery, UsageReport, usageGroups, usageLimit } from '@outlast/contract'
import { invalidAt } from '../../../errors.ts'
import { databaseNow } from '../../../ids.ts'
import { readUsage, type UsageGroup } from '../../../store/budgets/usage-days.ts'
import type { Api } from '../../core/api.ts'

const dayMs = 86_400_000
const daysDefault = 30
const daysMax = 401
/** PostgreSQL has no year 0. */
const firstDay = '0001-01-01'

export function usageRoutes({ app }: Api): void {
  app.route<{ Querystring: UsageQuery }>({
    method: 'GET',
    url: '/v1/usage',
    schema: {
      operationId: 'get_usage',
      querystring: UsageQuery,
      response: { 200: UsageReport, '4xx': ErrorResponse },
    },
    async handler({ query, principal, db }): Promise<UsageReport> {
      const period = periodOf(query)
      const groups = groupsOf(query.group_by)
      const { offset = 0 } = query
      const limit = Math.min(query.limit ?? usageLimit.default, usageLimit.max)
      const read = await readUsage(db, principal.orgId, {
        ...period,
        groups,
        filters: filtersOf(query),
        offset,
        limit,
      })
      return { ...period, group_by: groups, ...read, offset, limit }
    },
  })
}

/** Contract: throws 400 for a day that no calendar has, and for a period that is too long. */
function periodOf({ from, to }: UsageQuery) {
  const last = to === undefined ? utcDayOf(databaseNow()) : checkedDay('to', to)
  const first =
    from === undefined
      ? utcDayOf(Math.max(Date.parse(firstDay), Date.parse(last) - (daysDefault - 1) * dayMs))
      : checkedDay('from', from)
  const days = (Date.parse(last) - Date.parse(first)) / dayMs + 1
  if (days < 1) throw invalidAt('from', 'must not be after `to`')
  if (days > daysMax) throw invalidAt('from', 'must be at most 400 days before `to`')
  return { from: first, to: last }
}

const utcDayOf = (time: number) => new Date(time).toISOString().slice(0, 'yyyy-mm-dd'.length)

function checkedDay(name: string, day: string): string {
  const time = Date.parse(`${day}T00:00:00Z`)
  if (!Number.isNaN(time) && utcDayOf(time) === day && day >= firstDay) return day
  throw invalidAt(name, 'is not a day of the calendar')
}

function filtersOf({ agent_id: agent, model, user, key_id: key }: UsageQuery) {
  const given = Object.entries({ agent, model, user, key }) as [UsageGroup, string | undefined][]
  return given.flatMap(([group, value]) => (value === undefined ? [] : [[group, value] as const]))
}

/** Repeated parameters or one with commas. Contract: in the order of `usageGroups`, each once. */
function groupsOf(values: readonly string[] | undefined): UsageGroup[] {
  const words = values?.flatMap((value) => value.split(',')).filter((word) => word !== '') ?? []
  const unknown = words.find((word) => !usageGroups.some((group) => group === word))
  if (unknown !== undefined) throw invalidAt('group_by', `must be of ${usageGroups.join(', ')}`)
  if (words.length === 0) return ['day']
  return usageGroups.filter((group) => words.includes(group))
}
