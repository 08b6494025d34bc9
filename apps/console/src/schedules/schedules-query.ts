import type { Schedule } from '@outlast/sdk'
import { queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'

/** Every schedule, the newest first. */
export const schedulesQuery = queryOptions({
  queryKey: ['schedules'],
  queryFn: async ({ signal }) => (await outlast.schedules.list({}, { signal })).data,
  // What ran is told by its sessions, not as a change of the schedule.
  refetchInterval: 10_000,
})

export const scheduleQuery = (id: string) =>
  queryOptions({
    queryKey: ['schedule', id],
    queryFn: ({ signal }) => outlast.schedules.get(id, { signal }),
    refetchInterval: 10_000,
  })

/** What a schedule does, as its target says. */
export type Doing = {
  agent_id?: string
  session_id?: string
  text?: string
  message?: unknown
  on_busy?: 'queue' | 'reject'
  title?: string
}

export const doingOf = ({ target }: Schedule): Doing => (target.input ?? {}) as Doing
