import type { DocsTable } from '../../core/docs.ts'

const id = '01933b5a-0000-7000-8000-000000000001'

const body = {
  name: 'Morning report',
  cron_expression: '0 9 * * MON-FRI',
  timezone: 'Europe/Kyiv',
  target: {
    type: 'workflow',
    name: 'start_session',
    input: {
      agent_id: 'agent_01933b5a000070008000000000000101',
      text: 'Summarize the news of today.',
    },
  },
}

export const scheduleDocs = {
  list_schedules: {
    tag: 'Schedules',
    summary: 'List schedules',
    description: 'Returns a page of the schedules of the organization, newest first.',
    sample: 'const schedules = await outlast.schedules.list({ enabled: true })',
  },
  create_schedule: {
    tag: 'Schedules',
    summary: 'Create a schedule',
    description:
      'Creates a schedule that sends a message to a session or starts a session at the times of a cron expression. The database clock decides when it is due, and the due time survives restarts of every node. The target is checked now and again at each time. The schedule acts for its organization and stays when its creator leaves. With authentication, times must be at least `SCHEDULE_INTERVAL_MIN_SECONDS` (default 60) apart.',
    errors: [
      'invalid_cron',
      'invalid_output_schema',
      'invalid_target_type',
      'image_unknown',
      'model_unavailable',
      'schedule_exists',
      'schedule_limit',
    ],
    request: body,
    sample:
      "const schedule = await outlast.schedules.create({\n  name: 'Morning report',\n  cron_expression: '0 9 * * MON-FRI',\n  timezone: 'Europe/Kyiv',\n  target: {\n    type: 'workflow',\n    name: 'start_session',\n    input: { agent_id: 'agent_01933b5a000070008000000000000101', text: 'Summarize the news of today.' },\n  },\n})",
  },
  get_schedule: {
    tag: 'Schedules',
    summary: 'Get a schedule',
    description: 'Returns a schedule with its next due time and, if the server paused it, why.',
    sample: `const schedule = await outlast.schedules.get('${id}')`,
  },
  update_schedule: {
    tag: 'Schedules',
    summary: 'Update a schedule',
    description:
      'Changes the given properties of a schedule; absent and null properties stay. A new expression, time zone or `enabled` recalculates `next_trigger_at`. A turn that is already running continues.',
    errors: [
      'invalid_cron',
      'invalid_target_type',
      'image_unknown',
      'model_unavailable',
      'invalid_output_schema',
    ],
    request: { cron_expression: '30 8 * * MON-FRI' },
    sample: `const schedule = await outlast.schedules.update('${id}', {\n  cron_expression: '30 8 * * MON-FRI',\n})`,
  },
  delete_schedule: {
    tag: 'Schedules',
    summary: 'Delete a schedule',
    description:
      'Deletes a schedule with the records of its executions. A turn that one of them started continues. The deletion cannot be undone.',
    sample: `await outlast.schedules.delete('${id}')`,
  },
  pause_schedule: {
    tag: 'Schedules',
    summary: 'Pause a schedule',
    description:
      'Disables a schedule: `next_trigger_at` becomes null and nothing runs until it is resumed. A running turn continues. Pausing a paused schedule changes nothing.',
    sample: `const schedule = await outlast.schedules.pause('${id}')`,
  },
  resume_schedule: {
    tag: 'Schedules',
    summary: 'Resume a schedule',
    description:
      'Enables a schedule from now on. Times that passed while it was paused do not run, even with `catch_up_missed`.',
    errors: ['invalid_cron'],
    sample: `const schedule = await outlast.schedules.resume('${id}')`,
  },
  trigger_schedule: {
    tag: 'Schedules',
    summary: 'Run a schedule now',
    description:
      'Adds one execution at once, also if the schedule is paused or `max_concurrent` is reached. The regular times do not change. The response names the execution; poll it with `GET /v1/durable/executions/{execution_id}`. A target that cannot run makes the execution `failed` or `skipped`, not this request.',
    sample: `const { execution_id } = await outlast.schedules.trigger('${id}')`,
  },
  list_schedule_executions: {
    tag: 'Schedules',
    summary: 'List executions of a schedule',
    description:
      'Returns a page of the executions of a schedule, newest first. Executions are kept for `SCHEDULE_EXECUTIONS_DAYS`.',
    sample: `const executions = await outlast.schedules.listExecutions('${id}', { status: 'failed' })`,
  },
  get_schedule_stats: {
    tag: 'Schedules',
    summary: 'Get statistics of a schedule',
    description:
      'Counts the kept executions of a schedule by outcome and returns their average duration.',
    sample: `const stats = await outlast.schedules.getStats('${id}')`,
  },
  get_execution: {
    tag: 'Schedules',
    summary: 'Get an execution',
    description:
      'Returns one execution of a schedule with its status, and with the session and turn that it started.',
    sample: `const execution = await outlast.schedules.getExecution('${id}')`,
  },
} as const satisfies DocsTable
