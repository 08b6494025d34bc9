import type { UsageQuery, UsageReport } from '@outlast/sdk'
import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { usageKeys } from './keys.ts'

/** The largest page of the API. */
const usageRowsMax = 1_000
const pagesMax = 100

const report = (query: UsageQuery, signal?: AbortSignal) =>
  outlast.usage.report({ limit: usageRowsMax, ...query }, signal ? { signal } : {})

const fresh = { refetchInterval: 30_000, placeholderData: keepPreviousData }

export type UsageReports = { now: UsageReport; before: UsageReport | undefined }

type Asked = { now: UsageQuery; before: UsageQuery | undefined }

/** Tokens and cost of a period and of the period before. */
export const usageQuery = ({ now, before }: Asked) =>
  queryOptions({
    queryKey: [...usageKeys.lists, now, before],
    async queryFn({ signal }): Promise<UsageReports> {
      const [one, other] = await Promise.all([
        report(now, signal),
        before && report(before, signal),
      ])
      return { now: one, before: other }
    },
    ...fresh,
  })

/** The days of both periods, and those of some parts of the first, such as single agents. */
export const usageDaysQuery = ({ now, before }: Asked, parts: readonly UsageQuery[]) =>
  queryOptions({
    queryKey: [...usageKeys.lists, 'days', now, before, parts],
    async queryFn({ signal }) {
      const daysOf = (query: UsageQuery) => report({ ...query, group_by: ['day'] }, signal)
      const [days, daysBefore, ...daysOfParts] = await Promise.all([
        daysOf(now),
        before && daysOf(before),
        ...parts.map((part) => daysOf({ ...now, ...part })),
      ])
      return { days: days.data, before: daysBefore?.data ?? [], parts: daysOfParts }
    },
    ...fresh,
  })

/** Reads all pages of a report. */
export async function readUsage(query: UsageQuery): Promise<UsageReport> {
  const first = await report(query)
  const data = [...first.data]
  for (let page = 1; page < pagesMax && data.length < first.total; page++) {
    const next = await report({ ...query, offset: data.length })
    if (next.data.length === 0) break
    data.push(...next.data)
  }
  return { ...first, data }
}
