import { Button, Group, Modal, type ModalProps, Stack } from '@mantine/core'
import type { ReactNode, SyntheticEvent } from 'react'
import { Refusal } from '../shell/confirm.tsx'

type Submitted = {
  onSubmit: (event: SyntheticEvent) => void
  isDirty: boolean
  isSaving: boolean
  error: unknown
  shown: readonly string[]
}

type FormModalProps = Omit<ModalProps, 'opened' | 'onClose'> & {
  form: Submitted
  /** What the button says. */
  verb: string
  close: () => void
  children: ReactNode
  /** Beside the button. */
  more?: ReactNode
  button?: { color?: string; disabled?: boolean }
}

/** A form in a dialog. What was written there is not lost by a click beside it. */
export function FormModal({ form, verb, close, children, more, button, ...modal }: FormModalProps) {
  return (
    <Modal opened onClose={close} closeOnClickOutside={!form.isDirty} centered {...modal}>
      <form onSubmit={form.onSubmit}>
        <Stack gap="sm">
          {children}
          <Refused form={form} />
          <Group justify="flex-end" gap="xs">
            {more}
            <Button type="submit" loading={form.isSaving} {...button}>
              {verb}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}

/** Why a form was not saved, where its fields do not say it. Contract: drawn after the fields. */
export const Refused = ({
  form: { error, shown },
}: {
  form: Pick<Submitted, 'error' | 'shown'>
}) => (error ? <Refusal error={error} shown={shown} /> : null)
