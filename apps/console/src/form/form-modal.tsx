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
  /** The label of the submit button. */
  verb: string
  close: () => void
  children: ReactNode
  /** Rendered before the submit button. */
  more?: ReactNode
  button?: { color?: string; disabled?: boolean }
}

/** A form in a dialog. A click outside closes it only while the draft is unchanged. */
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

/** The save error, without problems that fields show. Contract: rendered after the fields. */
export const Refused = ({
  form: { error, shown },
}: {
  form: Pick<Submitted, 'error' | 'shown'>
}) => (error ? <Refusal error={error} shown={shown} /> : null)
