import { Button, type ModalProps, Stack } from '@mantine/core'
import type { ReactNode, SyntheticEvent } from 'react'
import { Refusal } from '../shell/controls/confirm.tsx'
import { Dialog, DialogButtons } from '../shell/controls/dialog.tsx'

type Submitted = {
  onSubmit: (event: SyntheticEvent) => void
  isDirty: boolean
  isSaving: boolean
  error: unknown
  shown: readonly string[]
}

type FormModalProps = Omit<ModalProps, 'opened' | 'onClose' | 'title'> & {
  title: string
  form: Submitted
  /** The label of the submit button. */
  verb: string
  close: () => void
  children: ReactNode
  button?: { color?: string; disabled?: boolean }
}

/** A form in a dialog. A click outside and Escape close it only while the draft is unchanged. */
export function FormModal({ form, verb, close, children, button, ...modal }: FormModalProps) {
  return (
    <Dialog close={close} isDirty={form.isDirty} {...modal}>
      <form onSubmit={form.onSubmit}>
        <Stack gap="sm">
          {children}
          <Refused form={form} />
          <DialogButtons close={close}>
            <Button type="submit" loading={form.isSaving} {...button}>
              {verb}
            </Button>
          </DialogButtons>
        </Stack>
      </form>
    </Dialog>
  )
}

/** The save error, without problems that fields show. Contract: rendered after the fields. */
export const Refused = ({
  form: { error, shown },
}: {
  form: Pick<Submitted, 'error' | 'shown'>
}) => (error ? <Refusal error={error} shown={shown} /> : null)
