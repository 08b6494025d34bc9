import { Text, TextInput } from '@mantine/core'
import type { Organization } from '@outlast/sdk'
import { invalidate, outlast } from '../client.ts'
import { FormModal } from '../form/form-modal.tsx'
import { useSaveForm } from '../form/use-save-form.ts'
import { leaveOrganization } from '../login/login.ts'
import { organizationKeys } from '../queries/keys.ts'

type Props = { organization: Organization; isHere: boolean; close: () => void }

/** Asks for the name of an organization before deletion. */
export function DeleteOrganization({ organization: { id, name }, isHere, close }: Props) {
  const form = useSaveForm<{ typed: string }, void>({
    draftOf: () => ({ typed: '' }),
    save: () => outlast.organizations.delete(id),
    onSaved() {
      if (isHere) return leaveOrganization()
      invalidate(organizationKeys.all)
      close()
    },
  })
  const isNamed = form.draft.typed.trim() === name.trim()
  return (
    <FormModal
      form={form}
      title={`Delete ${name}?`}
      verb="Delete organization"
      button={{ color: 'red', disabled: !isNamed }}
      close={close}
    >
      <Text size="sm">
        All sessions, files, agents, schedules, keys, members and the audit log of this organization
        are deleted. This cannot be undone.
      </Text>
      <TextInput
        label="Enter the organization name to confirm"
        autoComplete="off"
        {...form.text('typed')}
        data-autofocus
      />
    </FormModal>
  )
}
