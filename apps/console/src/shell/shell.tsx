import {
  ActionIcon,
  AppShell,
  Burger,
  Group,
  Menu,
  NavLink,
  Text,
  useComputedColorScheme,
  useMantineColorScheme,
} from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { Link, Outlet, useLocation } from '@tanstack/react-router'
import { signOut, useAsking } from '../login/login.ts'
import { meQuery } from '../login/me.ts'
import { SignIn } from '../login/sign-in.tsx'
import { Welcome } from '../login/welcome.tsx'
import { useChanges } from './changes.ts'
import { isAt, places } from './places.ts'

/** What surrounds every screen: where one can go, who is signed in, light or dark. */
export function Shell() {
  useChanges()
  const isAsking = useAsking()
  const [isOpen, { toggle, close }] = useDisclosure()
  const { pathname } = useLocation()
  return (
    <>
      {isAsking ? <SignIn /> : <Welcome />}
      <div hidden={isAsking}>
        <AppShell
          header={{ height: 48 }}
          navbar={{ width: 190, breakpoint: 'sm', collapsed: { mobile: !isOpen } }}
        >
          <AppShell.Header>
            <Group h="100%" px="md" justify="space-between" wrap="nowrap">
              <Group gap="xs" wrap="nowrap">
                <Burger
                  opened={isOpen}
                  onClick={toggle}
                  size="sm"
                  hiddenFrom="sm"
                  aria-label="Menu"
                />
                <Text fw={700}>Outlast</Text>
              </Group>
              <Group gap="xs" wrap="nowrap">
                <Scheme />
                <Person />
              </Group>
            </Group>
          </AppShell.Header>
          <AppShell.Navbar p="xs">
            {places.map(({ to, label }) => (
              <NavLink
                key={to}
                renderRoot={(props) => <Link to={to} {...props} />}
                label={label}
                active={isAt(pathname, to)}
                onClick={close}
              />
            ))}
          </AppShell.Navbar>
          <AppShell.Main h="100dvh">
            <Outlet />
          </AppShell.Main>
        </AppShell>
      </div>
    </>
  )
}

function Scheme() {
  const { setColorScheme } = useMantineColorScheme()
  const scheme = useComputedColorScheme('light')
  const other = scheme === 'light' ? 'dark' : 'light'
  return (
    <ActionIcon
      variant="subtle"
      onClick={() => setColorScheme(other)}
      aria-label={`Make it ${other}`}
    >
      {scheme === 'light' ? '☾' : '☀'}
    </ActionIcon>
  )
}

/** Who is signed in; nothing where nobody has to be. */
function Person() {
  const person = useQuery(meQuery)
  if (!person.data) return null
  return (
    <Menu>
      <Menu.Target>
        <ActionIcon variant="light" radius="xl" aria-label={person.data.name}>
          {person.data.name.slice(0, 1)}
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{person.data.email}</Menu.Label>
        <Menu.Item onClick={() => signOut()}>Sign out</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
