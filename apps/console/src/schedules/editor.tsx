import '../shell/manage.css'
import { Button, Group, SegmentedControl, Select, Text, Textarea, TextInput } from '@mantine/core'
import type { NewSchedule, Schedule } from '@outlast/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { type FormEvent, useState } from 'react'
import { outlast } from '../client.ts'
import { problemAt, Refusal } from '../shell/confirm.tsx'
import { Screen } from '../shell/screen.tsx'
import type { Draft } from './draft.ts'
import { type Doing, doingOf } from './schedules-query.ts'
import { Late, Talk } from './what.tsx'
import { When } from './when.tsx'

const here = Intl.DateTimeFormat().resolvedOptions().timeZone

const emptyDraft: Draft = {
  name: '',
  cron: '0 9 * * MON-FRI',
  timezone: here,
  doing: 'start_session',
  agentId: '',
  sessionId: '',
  text: '',
  onBusy: 'queue',
  catchUp: false,
  catchUpMax: '',
  concurrentMax: '',
}

function draftOf(stored: Schedule): Draft {
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

/** Whether the message is more than a text, which this form keeps as it is unless a text takes its place. */
const isRich = ({ text, message }: Doing) => text === undefined && typeof message === 'object'

function bodyOf(draft: Draft, stored: Schedule | undefined): NewSchedule {
  const before = stored ? doingOf(stored) : {}
  const {
    text: _text,
    message,
    agent_id: _agent,
    session_id: _session,
    on_busy: _busy,
    ...rest
  } = before
  const said = draft.text === '' && isRich(before) ? { message } : { text: draft.text }
  const isSame = stored?.target.name === draft.doing
  const input =
    draft.doing === 'start_session'
      ? { ...(isSame && rest), agent_id: draft.agentId, ...said }
      : { ...(isSame && rest), session_id: draft.sessionId, on_busy: draft.onBusy, ...said }
  return {
    name: draft.name.trim(),
    cron_expression: draft.cron.trim(),
    timezone: draft.timezone,
    target: { type: 'workflow', name: draft.doing, input },
    catch_up_missed: draft.catchUp,
    ...(draft.catchUpMax !== '' && { max_catch_up: draft.catchUpMax }),
    ...(draft.concurrentMax !== '' && { max_concurrent: draft.concurrentMax }),
  }
}

export function NewScheduleScreen() {
  return (
    <Screen title="New schedule">
      <div className="scroll">
        <ScheduleForm />
      </div>
    </Screen>
  )
}

/** Places that say themselves what is wrong with them. */
const shown = [
  'name',
  'schedule_exists',
  'cron_expression',
  'timezone',
  'target/input/agent_id',
  'target/input/session_id',
  'target/input/text',
  'max_catch_up',
  'max_concurrent',
]

/** Makes a schedule, or changes one; its name is for good. */
export function ScheduleForm({ stored }: { stored?: Schedule }) {
  const [draft, setDraft] = useState(stored ? draftOf(stored) : emptyDraft)
  const change = (fields: Partial<Draft>) => setDraft((before) => ({ ...before, ...fields }))
  const client = useQueryClient()
  const navigate = useNavigate()
  const save = useMutation({
    mutationFn() {
      const { name, ...body } = bodyOf(draft, stored)
      if (stored) return outlast.schedules.update(stored.id, body)
      return outlast.schedules.create({ name, ...body })
    },
    onSuccess(schedule) {
      client.setQueryData(['schedule', schedule.id], schedule)
      client.invalidateQueries({ queryKey: ['schedules'] })
      navigate({ to: '/schedules/$scheduleId', params: { scheduleId: schedule.id } })
    },
  })
  return (
    <form
      className="manage-form"
      aria-label="Schedule"
      onSubmit={(event: FormEvent) => {
        event.preventDefault()
        save.mutate()
      }}
    >
      {!stored && (
        <TextInput
          label="Name"
          required
          maxLength={255}
          value={draft.name}
          onChange={({ currentTarget }) => change({ name: currentTarget.value })}
          error={problemAt(save.error, 'name', 'schedule_exists')}
        />
      )}
      <When draft={draft} change={change} error={save.error} />
      <div>
        <Text size="sm" fw={500} mb={4}>
          What it does
        </Text>
        <SegmentedControl
          size="xs"
          aria-label="What it does"
          data={[
            { value: 'start_session', label: 'Starts a session' },
            { value: 'send_message', label: 'Sends a message to one' },
          ]}
          value={draft.doing}
          onChange={(doing) => change({ doing: doing as Draft['doing'] })}
        />
      </div>
      <Talk draft={draft} change={change} error={save.error} />
      <Textarea
        label="Message"
        required={!(stored && isRich(doingOf(stored)))}
        autosize
        minRows={3}
        maxRows={12}
        value={draft.text}
        onChange={({ currentTarget }) => change({ text: currentTarget.value })}
        error={problemAt(save.error, 'target/input/text')}
      />
      {draft.doing === 'send_message' && (
        <Select
          label="While the session works"
          allowDeselect={false}
          data={[
            { value: 'queue', label: 'The message waits for its turn' },
            { value: 'reject', label: 'This time is skipped' },
          ]}
          value={draft.onBusy}
          onChange={(onBusy) => onBusy && change({ onBusy: onBusy as Draft['onBusy'] })}
        />
      )}
      <Late draft={draft} change={change} error={save.error} />
      {save.isError && <Refusal error={save.error} shown={shown} />}
      <Group>
        <Button type="submit" loading={save.isPending}>
          {stored ? 'Save' : 'Create'}
        </Button>
      </Group>
    </form>
  )
}
