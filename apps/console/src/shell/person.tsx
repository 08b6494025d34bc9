import { Menu, Text, UnstyledButton } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { requestSignOut } from '../login/sign-out.ts'
import { meQuery } from '../queries/me.ts'

/** The account menu. Without accounts, only the version. */
export function Person() {
  const person = useQuery(meQuery)
  if (!person.data) {
    return (
      <Text size="xs" c="dimmed" px={4}>
        {__VERSION__}
      </Text>
    )
  }
  const { name, email } = person.data
  return (
    <Menu position="top-start" width={220}>
      <Menu.Target>
        <UnstyledButton className="account" aria-label={`Account menu for ${name}`}>
          <i aria-hidden="true" data-letter={name.slice(0, 1).toUpperCase()} />
          <span>{name}</span>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{email}</Menu.Label>
        <Menu.Item onClick={requestSignOut}>Sign out</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
