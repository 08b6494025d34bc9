import type { Outlast, Schedule } from '@outlast/sdk'
import { type Context, defineCommand, type Noun } from '../core/command.ts'
import { changeOf } from '../input/change.ts'
import { deletion } from '../input/deletion.ts'
import { newSchedule, scheduleChange, scheduleFlags } from '../input/schedule-input.ts'
import { listFlags, take } from '../output/list.ts'
import { ago, duration, moment } from '../output/time.ts'

const stateOf = ({ enabled, paused_reason }: Schedule) =>
  enabled ? 'active' : paused_reason ? 'paused by itself' : 'paused'

const list = defineCommand({
  summary: 'what happens by the clock',
  flags: {
    ...listFlags,
    active: { type: 'boolean', about: 'those that are not paused' },
    paused: { type: 'boolean', about: 'those that are' },
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
        { title: 'STATE', value: stateOf },
        { title: 'NEXT', value: ({ next_trigger_at }) => ago(next_trigger_at), isExtra: true },
      ],
      { empty: 'There is no schedule here. `outlast schedules create` makes one.' },
    )
  },
})

type Input = { session_id?: string; agent_id?: string; text?: string; message?: unknown }

/** What it does, in a sentence. */
function targetText({ target }: Schedule): string {
  const { session_id, agent_id, text, message } = (target?.input ?? {}) as Input
  const said = text ?? (typeof message === 'string' ? message : JSON.stringify(message))
  const where = agent_id ? `starts a session of ${agent_id}` : `in ${session_id ?? '-'}`
  return `${where}: ${said ?? '-'}`
}

async function show({ out }: Context, schedule: Schedule): Promise<void> {
  await out.item(schedule, {
    ID: schedule.id,
    Name: schedule.name,
    Description: schedule.description,
    When: `${schedule.cron_expression} (${schedule.timezone})`,
    'What it does': () => targetText(schedule),
    State: stateOf(schedule),
    'Why paused': schedule.paused_reason,
    Next: moment(schedule.next_trigger_at),
    Last: moment(schedule.last_triggered_at),
    'Missed times': schedule.catch_up_missed
      ? `are made up for${schedule.max_catch_up == null ? '' : `, ${schedule.max_catch_up} at most`}`
      : 'are let go',
    'Turns at once': schedule.max_concurrent,
    Created: moment(schedule.created_at),
  })
}

const get = defineCommand({
  summary: 'one schedule',
  positionals: ['<schedule>'],
  async run(context, { words }) {
    const { outlast, signal } = context
    await show(context, await outlast.schedules.get(words[0]!, { signal }))
  },
})

const create = defineCommand({
  summary: 'makes a schedule that says something to an agent',
  more: "As in: outlast schedules create report --cron '0 9 * * MON-FRI' --timezone Europe/Kyiv \\\n  --agent AGENT --message 'What is new today?'",
  positionals: ['<name>'],
  flags: { ...scheduleFlags, paused: { type: 'boolean', about: 'paused to begin with' } },
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
  summary: 'changes what the flags say',
  more: 'What it does is replaced whole: say --agent or --session together with --message.',
  positionals: ['<schedule>'],
  flags: scheduleFlags,
  async run({ outlast, out, signal }, { words, flags }) {
    const change = changeOf(scheduleChange(flags))
    const schedule = await outlast.schedules.update(words[0]!, change, { signal })
    await out.done(schedule, `Changed schedule ${schedule.id} (${schedule.name}).`)
  },
})

/** A verb that needs the id alone. */
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
  summary: 'runs it now, beside its times',
  positionals: ['<schedule>'],
  async run({ outlast, out, signal }, { words }) {
    const { execution_id } = await outlast.schedules.trigger(words[0]!, { signal })
    const answer = { id: execution_id, execution_id }
    await out.done(answer, `It runs: execution ${execution_id}. \`outlast schedules runs\` tells.`)
  },
})

const runs = defineCommand({
  summary: 'its times and what came of them, the newest first',
  positionals: ['<schedule>'],
  flags: {
    ...listFlags,
    status: {
      type: 'string',
      choices: ['pending', 'running', 'completed', 'failed', 'skipped'],
      value: 'STATUS',
      about: 'in this state',
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
      { empty: 'It has not run.' },
    )
  },
})

const stats = defineCommand({
  summary: 'how its times went',
  positionals: ['<schedule>'],
  async run({ outlast, out, signal }, { words }) {
    const given = await outlast.schedules.getStats(words[0]!, { signal })
    await out.item(given, {
      Runs: given.total_executions,
      'Went well': given.successful_executions,
      Failed: given.failed_executions,
      Skipped: given.skipped_executions,
      'Took on average': duration(given.avg_duration_ms),
      'The last one': given.last_execution_status,
    })
  },
})

export const schedules: Noun = {
  list,
  get,
  create,
  update,
  delete: deletion({
    summary: 'deletes a schedule with what is known of its runs',
    positional: '<schedule>',
    question: (id) => `Delete schedule ${id}?`,
    sentence: (id) => `Deleted schedule ${id}.`,
    remove: (outlast, id, options) => outlast.schedules.delete(id, options),
  }),
  pause: simple(
    'lets its times pass',
    (outlast, id, signal) => outlast.schedules.pause(id, { signal }),
    ({ id }) => `Paused schedule ${id}.`,
  ),
  resume: simple(
    'goes on from now',
    (outlast, id, signal) => outlast.schedules.resume(id, { signal }),
    ({ id, next_trigger_at }) => `Resumed schedule ${id}, due ${ago(next_trigger_at) ?? 'never'}.`,
  ),
  trigger,
  runs,
  stats,
}
