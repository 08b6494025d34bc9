import { TextInput } from '@mantine/core'
import { FormModal } from '../form/form-modal.tsx'
import { useSaveForm } from '../form/use-save-form.ts'

type Naming = {
  title: string
  action: string
  initial: string
  close: () => void
  submit: (path: string) => Promise<void>
}

/** Asks for the path of a file. It stays open until the path is valid or the user cancels. */
export function NameForm({ title, action, initial, close, submit }: Naming) {
  const form = useSaveForm<{ path: string }, void>({
    draftOf: () => ({ path: initial }),
    save: ({ path }) => submit(path.trim()),
    onSaved: close,
  })
  const isPath = form.draft.path.trim().length >= 2
  return (
    <FormModal form={form} title={title} verb={action} button={{ disabled: !isPath }} close={close}>
      <TextInput
        label="Path"
        description="Missing folders are created."
        {...form.text('path')}
        data-autofocus
      />
    </FormModal>
  )
}
