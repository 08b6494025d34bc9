import type { NewSchedule, ScheduleChange } from '@outlast/sdk'
import type { Given } from '../core/command.ts'
import { UsageError } from '../core/failure.ts'
import type { Flags } from '../core/flags.ts'
import { countIfGiven } from '../output/list.ts'
import { listIfGiven } from './capability-flags.ts'
import { given } from './change.ts'

/** What can be said of a schedule on the command line. */
export const scheduleFlags = {
  cron: { type: 'string', value: 'EXPRESSION', about: "when, as in '0 9 * * MON-FRI'" },
  timezone: { type: 'string', value: 'ZONE', about: 'in which time zone (UTC)' },
  agent: { type: 'string', short: 'a', value: 'AGENT', about: 'starts a session of this agent' },
  session: { type: 'string', short: 's', value: 'SESSION', about: 'or says it in this session' },
  message: { type: 'string', short: 'm', value: 'TEXT', about: 'what is said' },
  title: { type: 'string', value: 'TEXT', about: 'title of the sessions that it starts' },
  tag: { type: 'string', short: 't', multiple: true, value: 'TAG', about: 'a tag of those' },
  'on-busy': {
    type: 'string',
    choices: ['queue', 'reject'],
    value: 'WHAT',
    about: 'what becomes of a message while a turn runs',
  },
  description: { type: 'string', value: 'TEXT', about: 'what it is for' },
  'catch-up': { type: 'boolean', about: 'makes up for times that were missed' },
  'no-catch-up': { type: 'boolean', about: 'lets them go' },
  'max-catch-up': { type: 'string', value: 'N', about: 'how many of them at most' },
  'max-concurrent': { type: 'string', value: 'N', about: 'how many of its turns at once' },
} as const satisfies Flags

type Flagged = Given<typeof scheduleFlags>

/** The fields that were given but what it does. */
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

/** What it does. Contract: throws a UsageError when that is not said whole. */
function targetOf(flags: Flagged): NewSchedule['target'] {
  const { agent, session, message, title } = flags
  if ((agent === undefined) === (session === undefined)) {
    throw new UsageError('Say one of --agent and --session.')
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

/** Contract: what it does is replaced whole, or left. */
export function scheduleChange(flags: Flagged): ScheduleChange {
  const { agent, session, message, title } = flags
  const isTarget =
    [agent, session, message, title, flags['on-busy']].some((one) => one !== undefined) ||
    flags.tag.length > 0
  return { ...fieldsOf(flags), ...(isTarget && { target: targetOf(flags) }) }
}
