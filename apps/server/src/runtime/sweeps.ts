import { sweepChanges } from '../store/access/access-changes.ts'
import { sweepKeys } from '../store/access/idempotency-keys.ts'
import { sweepInvitations } from '../store/access/invitations.ts'
import { sweepLogins } from '../store/access/logins.ts'
import { sweepBuckets } from '../store/access/rate-limits.ts'
import { sweepSessionTokens } from '../store/access/session-tokens.ts'
import { sweepBudgets } from '../store/budgets/budget-deletion.ts'
import { sweepLedger } from '../store/budgets/ledger.ts'
import { sweepUsageDays } from '../store/budgets/usage-days.ts'
import { sweepSnapshots } from '../store/bus/snapshots.ts'
import { sweepBlobs } from '../store/files/file-changes.ts'
import { registerEventHooks, sweepEventHooks } from '../store/log/hook-positions.ts'
import { createTextSweep } from '../store/log/texts.ts'
import { sweepOrganizations } from '../store/organization-deletion.ts'
import { sweepAuditLog, sweepFailedTurns, sweepSessions } from '../store/retention.ts'
import { sweepExecutions } from '../store/schedules/schedule-executions.ts'
import { sweepPauses } from '../store/turns/pauses.ts'
import { sweepTurnMinutes } from '../store/turns/turn-minutes.ts'
import { sweepStrayTurns } from '../store/turns/turns.ts'
import { readdBudgetJobs } from '../store/turns/waits.ts'
import { sweepDeliveries } from '../store/webhooks/deliveries.ts'
import { eventHooksOf } from './hooks/names.ts'
import type { Node } from './node.ts'

const defaultIntervalMs = 600_000
/** Longest wait in ms before the rows of a deleted organization are deleted. */
const organizationsIntervalMs = 5_000
/** Longest time in ms that a turn waits for a budget whose job was lost. */
const budgetJobsIntervalMs = 60_000

type SweepingNode = Pick<Node, 'db' | 'config' | 'bus' | 'log' | 'project'>
type Sweep = (node: SweepingNode, stopping: AbortSignal) => Promise<void>

/** Expired data to delete, by its name in the log. Blobs come after the files of sessions. */
const sweeps: Record<string, Sweep> = {
  idempotency_keys: ({ db }) => sweepKeys(db),
  snapshots: ({ db }) => sweepSnapshots(db),
  sessions: deleteExpiredSessions,
  turns: ({ db }) => sweepStrayTurns(db),
  failed_turns: ({ db, config }) => sweepFailedTurns(db, config.RETENTION_DAYS),
  audit_log: ({ db, config }) =>
    sweepAuditLog(db, {
      days: config.RETENTION_DAYS,
      daysMin: config.AUDIT_RETENTION_DAYS_MIN,
      daysMax: config.AUDIT_RETENTION_DAYS_MAX,
    }),
  blobs: ({ db }) => sweepBlobs(db),
  schedule_executions: ({ db, config }) => sweepExecutions(db, config.SCHEDULE_EXECUTIONS_DAYS),
  budget_ledger: ({ db, config }) => sweepLedger(db, config.BUDGET_LEDGER_DAYS),
  webhook_deliveries: ({ db, config }) => sweepDeliveries(db, config.WEBHOOK_DELIVERIES_DAYS),
  pauses: ({ db }) => sweepPauses(db),
  budgets: ({ db, config }) => sweepBudgets(db, config.BUDGET_LEDGER_DAYS),
  usage_days: ({ db, config }) => sweepUsageDays(db, config.USAGE_DAYS),
  turn_minutes: ({ db }) => sweepTurnMinutes(db),
  invitations: ({ db }) => sweepInvitations(db),
  logins: ({ db }) => sweepLogins(db),
  session_tokens: ({ db }) => sweepSessionTokens(db),
  access_changes: ({ db }) => sweepChanges(db),
  rate_limits: ({ db }) => sweepBuckets(db),
}

async function keepEventHooks({ db, project, config }: SweepingNode) {
  await registerEventHooks(db, [...eventHooksOf(project, config).keys()])
  await sweepEventHooks(db)
}

async function deleteExpiredSessions(
  { db, config, bus, log }: SweepingNode,
  stopping: AbortSignal,
) {
  let deleted = 0
  await sweepSessions(db, {
    days: config.RETENTION_DAYS,
    stopping,
    onDeleted(session) {
      deleted += 1
      bus.deleted(session)
    },
    onError: ({ sessionId }, error) =>
      log.warn('could not delete an expired session', { session: sessionId, error }),
  })
  if (deleted > 0) log.info('deleted sessions after their retention time', { sessions: deleted })
}

async function deleteOrganizations({ db, bus, log }: SweepingNode, stopping: AbortSignal) {
  let sessions = 0
  await sweepOrganizations(db, {
    stopping,
    onDeleted(session) {
      sessions += 1
      bus.deleted(session)
    },
    onError: ({ orgId, sessionId }, error) =>
      log.warn('could not delete a part of a deleted organization', {
        organization: orgId,
        session: sessionId,
        error,
      }),
  })
  if (sessions > 0) log.info('deleted sessions of deleted organizations', { sessions })
}

/** Deletes rows, one table after another. Contract: logs a failure and runs the other sweeps. */
async function sweepAll(
  all: Record<string, Sweep>,
  node: SweepingNode,
  stopping: AbortSignal,
): Promise<void> {
  for (const [rows, sweep] of Object.entries(all)) {
    if (stopping.aborted) return
    await sweep(node, stopping).catch((error) => {
      if (!stopping.aborted) node.log.warn('a sweep failed', { rows, error })
    })
  }
}

/** Contract: runs of one interval never overlap. */
export function repeat(work: () => Promise<void>, intervalMs: number): NodeJS.Timeout {
  let isRunning = false
  return setInterval(async () => {
    if (isRunning) return
    isRunning = true
    await work()
    isRunning = false
  }, intervalMs)
}

/**
 * Sweeps at intervals. Contract: sweeps of one kind never overlap on a node. `stop` does not wait:
 * a transaction that has begun is committed or rolled back.
 */
export function keepSweeping(
  node: SweepingNode,
  intervalMs = defaultIntervalMs,
): { stop: () => Promise<void> } {
  const stopping = new AbortController()
  const sweep = (all: Record<string, Sweep>) => () => sweepAll(all, node, stopping.signal)
  const sweepTexts = createTextSweep()
  const texts: Sweep = ({ db }, signal) => sweepTexts(db, signal)
  const timers = [
    repeat(sweep({ ...sweeps, texts }), intervalMs),
    // Apart from long sweeps: hooks that no node has registered for 30 minutes get no jobs.
    repeat(sweep({ event_hooks: keepEventHooks }), intervalMs),
    repeat(
      sweep({ organizations: deleteOrganizations }),
      Math.min(intervalMs, organizationsIntervalMs),
    ),
    repeat(
      sweep({ budget_jobs: ({ db }) => readdBudgetJobs(db) }),
      Math.min(intervalMs, budgetJobsIntervalMs),
    ),
  ]
  return {
    async stop() {
      for (const timer of timers) clearInterval(timer)
      stopping.abort()
    },
  }
}
