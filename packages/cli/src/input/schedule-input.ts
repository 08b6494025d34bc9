import type { NewSchedule, ScheduleChange } from '@outlast/sdk'
import type { Given } from '../core/command.ts'
import { UsageError } from '../core/failure.ts'
import type { Flags } from '../core/flags.ts'
import { listIfGiven } from './capability-flags.ts'
import { given } from './change.ts'
import { countIfGiven } from './list.ts'

/** Flags for the fields of a schedule. */
export const scheduleFlags = {
  cron: { type: 'string', value: 'EXPRESSION', about: "cron expression, as in '0 9 * * MON-FRI'" },
  timezone: { type: 'string', value: 'ZONE', about: 'time zone (UTC)' },
  agent: {
    type: 'string',
    short: 'a',
    value: 'AGENT',
    about: 'agent of the new session (id or name)',
  },
  session: {
    type: 'string',
    short: 's',
    value: 'SESSION',
    about: 'existing session, instead of --agent',
  },
  message: { type: 'string', short: 'm', value: 'TEXT', about: 'text of the message' },
  title: { type: 'string', value: 'TEXT', about: 'title of the new sessions' },
  tag: {
    type: 'string',
    short: 't',
    multiple: true,
    value: 'TAG',
    about: 'tag of the new sessions',
  },
  'on-busy': {
    type: 'string',
    choices: ['queue', 'reject'],
    value: 'MODE',
    about: 'delivery while a turn runs',
  },
  description: { type: 'string', value: 'TEXT', about: 'description' },
  'catch-up': { type: 'boolean', about: 'run missed times later' },
  'no-catch-up': { type: 'boolean', about: 'skip missed times' },
  'max-catch-up': { type: 'string', value: 'N', about: 'maximum number of missed runs' },
  'max-concurrent': { type: 'string', value: 'N', about: 'maximum number of concurrent runs' },
} as const satisfies Flags

type Flagged = Given<typeof scheduleFlags>

/** Fields of the flags, without the target. */
function fieldsOf(flags: Flagged) {
  return {
    ...given({
      cron_expression: flags.cron,
      timezone: flags.timezone,
      description: flags.description,
      max_catch_up: countIfGiven(flags['max-catch-up'], '--max-catch-up', 0),
      max_concurrent: countIfGiven(flags['max-concurrent'], '--max-concurrent', 0),
    }),
    ...(flags['catch-up'] && { catch_up_missed: true }),
    ...(flags['no-catch-up'] && { catch_up_missed: false }),
  }
}

/** Builds the target. Contract: throws a UsageError for an incomplete one. */
function targetOf(flags: Flagged): NewSchedule['target'] {
  const { agent, session, message, title } = flags
  if ((agent === undefined) === (session === undefined)) {
    throw new UsageError('Pass either --agent or --session.')
  }
  if (!message) throw new UsageError('--message is missing.')
  const tags = listIfGiven(flags.tag)
  const input =
    agent === undefined
      ? given({ session_id: session, text: message, on_busy: flags['on-busy'] })
      : given({ agent_id: agent, text: message, title, tags })
  return { type: 'workflow', name: agent === undefined ? 'send_message' : 'start_session', input }
}

export function newSchedule(name: string, flags: Flagged, isDisabled: boolean): NewSchedule {
  if (!flags.cron) throw new UsageError("--cron is missing, as in --cron '0 9 * * MON-FRI'.")
  const fields = { ...fieldsOf(flags), cron_expression: flags.cron }
  return { name, ...fields, target: targetOf(flags), ...(isDisabled && { enabled: false }) }
}

/** Contract: the target is replaced whole or stays unchanged. */
export function scheduleChange(flags: Flagged): ScheduleChange {
  const { agent, session, message, title } = flags
  const isTarget =
    [agent, session, message, title, flags['on-busy']].some((one) => one !== undefined) ||
    flags.tag.length > 0
  return { ...fieldsOf(flags), ...(isTarget && { target: targetOf(flags) }) }
}
