import type { Outlast, Schedule } from '@outlast/sdk'
import { type Context, defineCommand, type Noun } from '../../core/command.ts'
import { changeOf } from '../../input/change.ts'
import { deletion } from '../../input/deletion.ts'
import { listFlags, take } from '../../input/list.ts'
import { newSchedule, scheduleChange, scheduleFlags } from '../../input/schedule-input.ts'
import { ago, duration, moment } from '../../output/time.ts'

const stateOfSchedule = ({ enabled, paused_reason }: Schedule) =>
  enabled ? 'active' : paused_reason ? 'paused by the server' : 'paused'

const list = defineCommand({
  summary: 'list scheduled messages',
  flags: {
    ...listFlags,
    active: { type: 'boolean', about: 'active schedules only' },
    paused: { type: 'boolean', about: 'paused schedules only' },
  },
  async run({ outlast, out, signal }, { flags }) {
    const { active, paused } = flags
    const query = active === paused ? {} : { enabled: active }
    const rows = take((page) => outlast.schedules.list({ ...query, ...page }, { signal }), flags)
    await out.list(
      rows,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'NAME', value: ({ name }) => name, isFlexible: true },
        { title: 'CRON', value: ({ cron_expression }) => cron_expression, isFlexible: true },
        { title: 'ZONE', value: ({ timezone }) => timezone, isExtra: true },
        { title: 'STATE', value: stateOfSchedule },
        { title: 'NEXT', value: ({ next_trigger_at }) => ago(next_trigger_at), isExtra: true },
      ],
      { empty: 'No schedules match. `outlast schedules create` creates one.' },
    )
  },
})

type Input = { session_id?: string; agent_id?: string; text?: string; message?: unknown }

/** Describes the target of a schedule. */
function targetText({ target }: Schedule): string {
  const { session_id, agent_id, text, message } = (target?.input ?? {}) as Input
  const content = text ?? (typeof message === 'string' ? message : JSON.stringify(message))
  const where = agent_id ? `new session of ${agent_id}` : `session ${session_id ?? '-'}`
  return `${where}: ${content ?? '-'}`
}

async function show({ out }: Context, schedule: Schedule): Promise<void> {
  await out.item(schedule, {
    ID: schedule.id,
    Name: schedule.name,
    Description: schedule.description,
    When: `${schedule.cron_expression} (${schedule.timezone})`,
    Message: () => targetText(schedule),
    State: stateOfSchedule(schedule),
    'Reason of the pause': schedule.paused_reason,
    Next: moment(schedule.next_trigger_at),
    Last: moment(schedule.last_triggered_at),
    'Missed runs': schedule.catch_up_missed
      ? `run later${schedule.max_catch_up == null ? '' : `, at most ${schedule.max_catch_up}`}`
      : 'are skipped',
    'Concurrent runs': schedule.max_concurrent,
    Created: moment(schedule.created_at),
  })
}

const get = defineCommand({
  summary: 'show a schedule',
  positionals: ['<schedule>'],
  async run(context, { words }) {
    const { outlast, signal } = context
    await show(context, await outlast.schedules.get(words[0]!, { signal }))
  },
})

const create = defineCommand({
  summary: 'create a schedule that sends a message to an agent',
  more: "Example: outlast schedules create report --cron '0 9 * * MON-FRI' --timezone Europe/Kyiv \\\n  --agent AGENT --message 'Summarize the news of today.'",
  positionals: ['<name>'],
  flags: { ...scheduleFlags, paused: { type: 'boolean', about: 'create it paused' } },
  async run({ outlast, out, signal }, { words, flags }) {
    const body = newSchedule(words[0]!, flags, flags.paused)
    const schedule = await outlast.schedules.create(body, { signal })
    const next = ago(schedule.next_trigger_at)
    await out.done(
      schedule,
      `Created schedule ${schedule.id} (${schedule.name})${next ? `, due ${next}` : ''}.`,
    )
  },
})

const update = defineCommand({
  summary: 'update a schedule',
  more: 'The target is replaced whole: pass --agent or --session together with --message.',
  positionals: ['<schedule>'],
  flags: scheduleFlags,
  async run({ outlast, out, signal }, { words, flags }) {
    const change = changeOf(scheduleChange(flags))
    const schedule = await outlast.schedules.update(words[0]!, change, { signal })
    await out.done(schedule, `Changed schedule ${schedule.id} (${schedule.name}).`)
  },
})

/** Defines a verb whose only argument is the schedule. */
const simple = (
  summary: string,
  act: (outlast: Outlast, id: string, signal: AbortSignal) => Promise<Schedule>,
  sentenceOf: (schedule: Schedule) => string,
) =>
  defineCommand({
    summary,
    positionals: ['<schedule>'],
    async run({ outlast, out, signal }, { words }) {
      const schedule = await act(outlast, words[0]!, signal)
      await out.done(schedule, sentenceOf(schedule))
    },
  })

const trigger = defineCommand({
  summary: 'run it now, in addition to its times',
  positionals: ['<schedule>'],
  async run({ outlast, out, signal }, { words }) {
    const { execution_id } = await outlast.schedules.trigger(words[0]!, { signal })
    const answer = { id: execution_id, execution_id }
    await out.done(
      answer,
      `Started execution ${execution_id}. \`outlast schedules runs\` shows the result.`,
    )
  },
})

const runs = defineCommand({
  summary: 'list the runs of a schedule, the newest first',
  positionals: ['<schedule>'],
  flags: {
    ...listFlags,
    status: {
      type: 'string',
      choices: ['pending', 'running', 'completed', 'failed', 'skipped'],
      value: 'STATUS',
      about: 'status of the run',
    },
  },
  async run({ outlast, out, signal }, { words, flags }) {
    const query = flags.status ? { status: flags.status } : {}
    const rows = take(
      (page) => outlast.schedules.listExecutions(words[0]!, { ...query, ...page }, { signal }),
      flags,
    )
    await out.list(
      rows,
      [
        { title: 'SESSION', value: ({ session_id }) => session_id },
        { title: 'DUE', value: ({ scheduled_at }) => ago(scheduled_at) },
        { title: 'STATUS', value: ({ status }) => status },
        { title: 'TOOK', value: ({ duration_ms }) => duration(duration_ms), isExtra: true },
        { title: 'ERROR', value: ({ error }) => error, isFlexible: true },
      ],
      { empty: 'No runs match.' },
    )
  },
})

const stats = defineCommand({
  summary: 'show statistics of its runs',
  positionals: ['<schedule>'],
  async run({ outlast, out, signal }, { words }) {
    const given = await outlast.schedules.getStats(words[0]!, { signal })
    await out.item(given, {
      Runs: given.total_executions,
      Succeeded: given.successful_executions,
      Failed: given.failed_executions,
      Skipped: given.skipped_executions,
      'Average duration': duration(given.avg_duration_ms),
      'Last run': given.last_execution_status,
    })
  },
})

export const schedules: Noun = {
  list,
  get,
  create,
  update,
  delete: deletion({
    summary: 'delete a schedule and its runs',
    positional: '<schedule>',
    question: (label) => `Delete schedule ${label}?`,
    sentence: (id) => `Deleted schedule ${id}.`,
    remove: (outlast, id, options) => outlast.schedules.delete(id, options),
  }),
  pause: simple(
    'pause the schedule',
    (outlast, id, signal) => outlast.schedules.pause(id, { signal }),
    ({ id }) => `Paused schedule ${id}.`,
  ),
  resume: simple(
    'resume it',
    (outlast, id, signal) => outlast.schedules.resume(id, { signal }),
    ({ id, next_trigger_at }) => `Resumed schedule ${id}, due ${ago(next_trigger_at) ?? 'never'}.`,
  ),
  trigger,
  runs,
  stats,
}
