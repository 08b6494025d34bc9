import { Button, Modal, Stack, Text } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { organizationsQuery } from '../queries/organizations.ts'
import { Refusal } from '../shell/controls/confirm.tsx'
import { Failure } from '../shell/screen/screen.tsx'
import { escaped } from '../shell/text/escapes.ts'
import { switchTo } from './login.ts'
import { requestSignOut } from './sign-out.ts'

/** Asks a member of several organizations which one to open in this browser. */
export function ChooseOrganization() {
  const organizations = useQuery(organizationsQuery)
  const go = useMutation({ mutationFn: switchTo })
  return (
    <Modal
      opened
      onClose={() => {}}
      withCloseButton={false}
      closeOnEscape={false}
      title="Choose an organization"
      centered
    >
      <Stack gap="xs">
        {organizations.isError && (
          <Failure error={organizations.error} retry={organizations.refetch} />
        )}
        {organizations.data?.length === 0 && (
          <Text size="sm">
            You are not a member of any organization. Ask an administrator for an invitation.
          </Text>
        )}
        {organizations.data?.map(({ id, name, role }) => (
          <Button
            key={id}
            variant="default"
            justify="space-between"
            rightSection={
              <Text span size="xs" c="dimmed">
                {role}
              </Text>
            }
            loading={go.isPending && go.variables === id}
            onClick={() => go.mutate(id)}
          >
            {escaped(name)}
          </Button>
        ))}
        {go.isError && <Refusal error={go.error} />}
        <Button variant="subtle" size="xs" onClick={requestSignOut}>
          Sign out
        </Button>
      </Stack>
    </Modal>
  )
}
