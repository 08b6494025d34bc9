import { Button, Modal } from '@mantine/core'
import type { Schedule } from '@outlast/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { useMay } from '../login/me.ts'
import { Refusal } from '../shell/confirm.tsx'

/** Runs a schedule now; stops and starts its clock. */
export function ScheduleActs({ schedule: { id, enabled } }: { schedule: Schedule }) {
  const client = useQueryClient()
  const mayWrite = useMay('member')
  const onSuccess = () => {
    client.invalidateQueries({ queryKey: ['schedules'] })
    client.invalidateQueries({ queryKey: ['schedule', id] })
  }
  const trigger = useMutation({ mutationFn: () => outlast.schedules.trigger(id), onSuccess })
  const toggle = useMutation({
    mutationFn: () => (enabled ? outlast.schedules.pause(id) : outlast.schedules.resume(id)),
    onSuccess,
  })
  const error = trigger.error ?? toggle.error
  if (!mayWrite) return null
  return (
    <>
      <Button
        size="xs"
        variant="default"
        loading={trigger.isPending}
        onClick={() => trigger.mutate()}
      >
        Run now
      </Button>
      <Button
        size="xs"
        variant="default"
        loading={toggle.isPending}
        onClick={() => toggle.mutate()}
      >
        {enabled ? 'Pause' : 'Resume'}
      </Button>
      {error && (
        <Modal
          opened
          onClose={() => {
            trigger.reset()
            toggle.reset()
          }}
          title="That did not work"
          centered
        >
          <Refusal error={error} />
        </Modal>
      )}
    </>
  )
}
