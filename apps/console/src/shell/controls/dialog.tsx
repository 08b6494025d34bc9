import { Button, Group, Modal, type ModalProps } from '@mantine/core'
import type { ReactNode } from 'react'
import { escaped } from '../text/escapes.ts'

type DialogProps = Omit<ModalProps, 'opened' | 'onClose'> & {
  title: string
  close: () => void
  /** True with edits, which Escape and a click outside would lose. */
  isDirty?: boolean
  children: ReactNode
}

/** A dialog: title, content, and at its end `DialogButtons`. */
export const Dialog = ({ title, close, isDirty = false, children, ...modal }: DialogProps) => (
  <Modal
    title={escaped(title)}
    opened
    onClose={close}
    centered
    closeOnClickOutside={!isDirty}
    closeOnEscape={!isDirty}
    {...modal}
  >
    {children}
  </Modal>
)

type ButtonsProps = {
  close: () => void
  /** The label of the button that closes the dialog. */
  keep?: string
  /** Focuses the button that closes the dialog. */
  isKeepFirst?: boolean
  /** Further actions, at the left. */
  others?: ReactNode
  /** The action. */
  children: ReactNode
}

/** The buttons of a dialog, at the right: cancel, then the action. */
export const DialogButtons = ({ close, keep, isKeepFirst, others, children }: ButtonsProps) => (
  <Group justify="flex-end" gap="xs" mt="md">
    {others && <div className="dialog-others">{others}</div>}
    <Button variant="default" onClick={close} {...(isKeepFirst && { 'data-autofocus': true })}>
      {keep ?? 'Cancel'}
    </Button>
    {children}
  </Group>
)
