import '../shell/controls/manage.css'
import { Button, Group, SegmentedControl, Select, Text, Textarea, TextInput } from '@mantine/core'
import type { Schedule } from '@outlast/sdk'
import { useNavigate } from '@tanstack/react-router'
import { invalidate, outlast, queryClient } from '../client.ts'
import { Refused } from '../form/form-modal.tsx'
import { Leaving } from '../form/leaving.tsx'
import { useSaveForm } from '../form/use-save-form.ts'
import { scheduleKeys } from '../queries/keys.ts'
import { scheduleQuery } from '../queries/schedules.ts'
import { Screen } from '../shell/screen/screen.tsx'
import { doingOf, isRich, type ScheduleDraft, scheduleBody, scheduleDraft } from './draft.ts'
import { Late, ScheduleTalk } from './what.tsx'
import { When } from './when.tsx'

export function NewScheduleScreen() {
  return (
    <Screen title="New schedule">
      <div className="scroll">
        <ScheduleForm />
      </div>
    </Screen>
  )
}

/** Creates or changes a schedule. Its name cannot change. */
export function ScheduleForm({ stored }: { stored?: Schedule }) {
  const navigate = useNavigate()
  const form = useSaveForm({
    stored,
    draftOf: scheduleDraft,
    save(draft, base) {
      const { name, ...body } = scheduleBody(draft, base)
      if (base) return outlast.schedules.update(base.id, body)
      return outlast.schedules.create({ name, ...body })
    },
    done: 'Schedule saved',
    onSaved(schedule) {
      queryClient.setQueryData(scheduleQuery(schedule.id).queryKey, schedule)
      invalidate(scheduleKeys.lists)
      navigate({ to: '/schedules/$scheduleId', params: { scheduleId: schedule.id } })
    },
  })
  return (
    <form className="manage-form" aria-label="Schedule" onSubmit={form.onSubmit}>
      {/* A save leaves before this page is rendered again. */}
      <Leaving isDirty={form.isDirty && !form.isSaving} parameters={['tab']} />
      {!stored && (
        <TextInput
          label="Name"
          required
          maxLength={255}
          {...form.text('name', 'schedule_exists')}
        />
      )}
      <When form={form} />
      <div>
        <Text size="sm" fw={500} mb={4}>
          Action
        </Text>
        <SegmentedControl
          size="xs"
          aria-label="Action"
          data={[
            { value: 'start_session', label: 'Start a session' },
            { value: 'send_message', label: 'Message a session' },
          ]}
          value={form.draft.doing}
          onChange={(doing) => form.change({ doing: doing as ScheduleDraft['doing'] })}
        />
      </div>
      <ScheduleTalk form={form} />
      <Textarea
        label="Message"
        required={!(stored && isRich(doingOf(stored)))}
        autosize
        minRows={3}
        maxRows={12}
        {...form.text('text', 'target/input/text')}
      />
      {form.draft.doing === 'send_message' && (
        <Select
          label="If the session is busy"
          data={[
            { value: 'queue', label: 'Queue the message' },
            { value: 'reject', label: 'Skip this run' },
          ]}
          {...form.choice('onBusy')}
        />
      )}
      <Late form={form} />
      <Refused form={form} />
      <Group>
        <Button type="submit" loading={form.isSaving}>
          {stored ? 'Save schedule' : 'Create schedule'}
        </Button>
      </Group>
    </form>
  )
}
