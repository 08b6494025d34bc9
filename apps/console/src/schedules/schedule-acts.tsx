import type { Schedule } from '@outlast/sdk'
import { useMutation } from '@tanstack/react-query'
import { invalidate, outlast } from '../client.ts'
import { scheduleKeys } from '../queries/keys.ts'
import { useMay } from '../queries/me.ts'
import { ActButton } from '../shell/controls/act-button.tsx'
import { Failed } from '../shell/controls/confirm.tsx'
import { showToast } from '../shell/toasts/toasts.ts'

/** Runs, pauses or resumes a schedule. */
export function ScheduleActs({ schedule: { id, enabled } }: { schedule: Schedule }) {
  const mayWrite = useMay('member')
  const changed = () => invalidate(scheduleKeys.lists, scheduleKeys.one(id))
  const trigger = useMutation({
    mutationFn: () => outlast.schedules.trigger(id),
    onSuccess() {
      changed()
      showToast('Run started')
    },
  })
  const toggle = useMutation({
    mutationFn: () => (enabled ? outlast.schedules.pause(id) : outlast.schedules.resume(id)),
    onSuccess: changed,
  })
  if (!mayWrite) return null
  return (
    <>
      <ActButton act={trigger}>Run now</ActButton>
      <ActButton act={toggle}>{enabled ? 'Pause' : 'Resume'}</ActButton>
      <Failed of={[trigger, toggle]} />
    </>
  )
}
