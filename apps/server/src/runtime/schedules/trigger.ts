import type { Schedule } from '@outlast/contract'
import { newId, newUuid } from '../../ids.ts'
import type { Db } from '../../store/database.ts'
import { insertExecutions } from '../../store/schedules/schedule-executions.ts'
import { readNow, updateSchedule } from '../../store/schedules/schedules.ts'
import type { Node } from '../node.ts'
import { carryOut } from './targets.ts'

/**
 * Triggers a schedule at once, independent of its times and running executions.
 * Contract: `db` is a transaction that has locked the schedule; call `publish` after the commit.
 */
export async function triggerSchedule(
  node: Node,
  db: Db,
  { orgId, schedule }: { orgId: string; schedule: Schedule },
): Promise<{ executionId: string; publish: () => void }> {
  const { id: scheduleId, target, retry_policy: retryPolicy } = schedule
  const now = await readNow(db)
  const ids = { executionId: newUuid(), scheduleId, sessionId: newId('session') }
  const { executionId } = ids
  const task = { ...ids, orgId, target, scheduledAt: now, now, attempt: 1, retryPolicy }
  const { publish = () => {}, pausedReason, ...outcome } = await carryOut(node, db, task)
  const made = { id: executionId, orgId, scheduleId, scheduledAt: now, manual: true }
  await insertExecutions(db, [{ ...outcome, ...made }])
  const last = { last_triggered_at: now }
  const paused = { enabled: false, next_trigger_at: null, paused_reason: pausedReason ?? null }
  const change = pausedReason ? { ...last, ...paused } : last
  await updateSchedule(db, { orgId, id: scheduleId }, change)
  return { executionId, publish }
}
