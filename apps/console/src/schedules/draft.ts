import type { NewSchedule, Schedule } from '@outlast/sdk'
import type { SaveForm } from '../form/use-save-form.ts'

/** A schedule in its form. */
export type ScheduleDraft = {
  name: string
  cron: string
  timezone: string
  doing: 'start_session' | 'send_message'
  agentId: string
  sessionId: string
  text: string
  onBusy: 'queue' | 'reject'
  catchUp: boolean
  catchUpMax: number | ''
  concurrentMax: number | ''
}

export type ScheduleFormProps = { form: SaveForm<ScheduleDraft, Schedule> }

const emptyDraft: ScheduleDraft = {
  name: '',
  cron: '0 9 * * MON-FRI',
  timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  doing: 'start_session',
  agentId: '',
  sessionId: '',
  text: '',
  onBusy: 'queue',
  catchUp: false,
  catchUpMax: '',
  concurrentMax: '',
}

/** The input of a schedule's target. */
type Doing = {
  agent_id?: string
  session_id?: string
  text?: string
  message?: unknown
  on_busy?: 'queue' | 'reject'
  title?: string
}

export const doingOf = ({ target }: Schedule): Doing => (target.input ?? {}) as Doing

export function scheduleDraft(stored: Schedule | undefined): ScheduleDraft {
  if (!stored) return emptyDraft
  const doing = doingOf(stored)
  return {
    name: stored.name,
    cron: stored.cron_expression,
    timezone: stored.timezone,
    doing: doing.session_id ? 'send_message' : 'start_session',
    agentId: doing.agent_id ?? '',
    sessionId: doing.session_id ?? '',
    text: doing.text ?? (typeof doing.message === 'string' ? doing.message : ''),
    onBusy: doing.on_busy ?? 'queue',
    catchUp: stored.catch_up_missed,
    catchUpMax: stored.max_catch_up ?? '',
    concurrentMax: stored.max_concurrent ?? '',
  }
}

/** Returns whether the message has parts. The form keeps it unless a text replaces it. */
export const isRich = ({ text, message }: Doing) =>
  text === undefined && typeof message === 'object'

/** Returns the request body. Keeps target fields that the form does not show. */
export function scheduleBody(draft: ScheduleDraft, stored: Schedule | undefined): NewSchedule {
  const before = stored ? doingOf(stored) : {}
  const { text: _text, message, agent_id: _agent, session_id: _session, ...others } = before
  const { on_busy: _busy, ...rest } = others
  const content = draft.text === '' && isRich(before) ? { message } : { text: draft.text }
  const kept = stored?.target.name === draft.doing ? rest : {}
  const input =
    draft.doing === 'start_session'
      ? { ...kept, agent_id: draft.agentId, ...content }
      : { ...kept, session_id: draft.sessionId.trim(), on_busy: draft.onBusy, ...content }
  return {
    name: draft.name.trim(),
    cron_expression: draft.cron.trim(),
    timezone: draft.timezone,
    target: { type: 'workflow', name: draft.doing, input },
    catch_up_missed: draft.catchUp,
    ...limit('max_catch_up', draft.catchUpMax, stored),
    ...limit('max_concurrent', draft.concurrentMax, stored),
  }
}

/** The default of the API for both limits. */
const limitDefault = 100

/** An empty limit is the default. Without a number the API would keep the stored one. */
function limit(
  name: 'max_catch_up' | 'max_concurrent',
  value: number | '',
  stored: Schedule | undefined,
) {
  if (value !== '') return { [name]: value }
  return stored?.[name] == null ? {} : { [name]: limitDefault }
}
