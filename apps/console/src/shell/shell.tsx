import { ActionIcon, AppShell, Burger, Group, NavLink, Text, useMantineColorScheme } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { Link, Outlet, useLocation } from '@tanstack/react-router'

const places = [
  { to: '/', label: 'Sessions', isAt: (path: string) => path === '/' || path.startsWith('/sessions') },
  { to: '/agents', label: 'Agents', isAt: (path: string) => path.startsWith('/agents') },
] as const

/** What surrounds every screen: where one can go, and light or dark. */
export function Shell() {
  const [isOpen, { toggle, close }] = useDisclosure()
  const { pathname } = useLocation()
  const { toggleColorScheme } = useMantineColorScheme()
  return (
    <AppShell
      header={{ height: 48 }}
      navbar={{ width: 200, breakpoint: 'sm', collapsed: { mobile: !isOpen } }}
    >
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between">
          <Group gap="xs">
            <Burger opened={isOpen} onClick={toggle} size="sm" hiddenFrom="sm" aria-label="Menu" />
            <Text fw={700}>Outlast</Text>
          </Group>
          <ActionIcon variant="subtle" onClick={toggleColorScheme} aria-label="Light or dark">
            ◐
          </ActionIcon>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs">
        {places.map(({ to, label, isAt }) => (
          <NavLink
            key={to}
            renderRoot={(props) => <Link to={to} {...props} />}
            label={label}
            active={isAt(pathname)}
            onClick={close}
          />
        ))}
      </AppShell.Navbar>
      <AppShell.Main h="100dvh">
        <Outlet />
      </AppShell.Main>
    </AppShell>
  )
}
