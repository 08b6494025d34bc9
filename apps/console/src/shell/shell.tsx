import './shell.css'
import { AppShell, Burger, Group, NavLink, Text, UnstyledButton } from '@mantine/core'
import { useDisclosure, useWindowEvent } from '@mantine/hooks'
import { Link, Outlet, useLocation } from '@tanstack/react-router'
import { Suspense, useCallback, useState } from 'react'
import { useAsking } from '../login/login.ts'
import { useSignOutRequest } from '../login/sign-out.ts'
import { SignOutQuestion } from '../login/sign-out-question.tsx'
import { Welcome } from '../login/welcome.tsx'
import { useOutbox } from '../sessions/composer/outbox.ts'
import { WaitingCount } from '../waiting/count.tsx'
import { Banners } from './banners.tsx'
import { useChanges } from './changes.ts'
import { Icon } from './controls/icon.tsx'
import { useFocusReturn } from './focus-return.ts'
import { Person } from './person.tsx'
import { Scheme } from './scheme.tsx'
import { lazyPart } from './screen/lazy-part.ts'
import { isAt, places } from './screen/places.ts'
import { usePreloaded } from './screen/use-preloaded.ts'
import { type Overlay, useShortcuts } from './shortcuts.ts'
import { ToastList } from './toasts/toast-list.tsx'

const SignIn = lazyPart(() =>
  import('../login/sign-in.tsx').then((all) => ({ default: all.SignIn })),
)
const Keys = lazyPart(() => import('./keys.tsx').then((all) => ({ default: all.ShortcutKeys })))
const loadPalette = () => import('./palette.tsx').then((all) => all.Palette)

/** The frame of every screen: menu, banners, account menu, overlays. */
export function Shell() {
  useChanges()
  useOutbox()
  useFocusReturn()
  const isAsking = useAsking()
  const signOutRequest = useSignOutRequest()
  const [isOpen, { toggle, close }] = useDisclosure()
  const [overlay, setOverlay] = useState<Overlay>()
  useWindowEvent('keydown', ({ key }) => key === 'Escape' && !overlay && close())
  const closeOverlay = useCallback(() => setOverlay(undefined), [])
  const isSearching = overlay === 'palette' && !isAsking
  const { Part: Palette, typed } = usePreloaded(loadPalette, isSearching, closeOverlay)
  useShortcuts({ show: setOverlay, isOff: isAsking })
  return (
    <>
      <Suspense>{isAsking ? <SignIn /> : <Welcome />}</Suspense>
      <div hidden={isAsking}>
        <AppShell
          header={{ height: { base: 48, sm: 0 } }}
          navbar={{ width: 208, breakpoint: 'sm', collapsed: { mobile: !isOpen } }}
        >
          <AppShell.Header hiddenFrom="sm">
            <Group h="100%" px="md" gap="sm" wrap="nowrap">
              <Burger
                opened={isOpen}
                onClick={toggle}
                size="sm"
                aria-label="Menu"
                aria-expanded={isOpen}
              />
              <Logo />
            </Group>
          </AppShell.Header>
          <AppShell.Navbar className="sidebar" data-open={isOpen}>
            <Sidebar
              onGo={close}
              search={() => {
                close()
                setOverlay('palette')
              }}
            />
          </AppShell.Navbar>
          <AppShell.Main h="100dvh">
            <div className="main">
              <Banners />
              <div className="main-screen">
                <Outlet />
              </div>
            </div>
          </AppShell.Main>
        </AppShell>
        <ToastList />
        {signOutRequest.isAsked && <SignOutQuestion close={signOutRequest.close} />}
        <Suspense>
          {overlay === 'palette' && Palette && (
            <Palette close={closeOverlay} show={setOverlay} initial={typed.current} />
          )}
          {overlay === 'keys' && <Keys close={closeOverlay} />}
        </Suspense>
      </div>
    </>
  )
}

function Sidebar({ onGo, search }: { onGo: () => void; search: () => void }) {
  const { pathname } = useLocation()
  return (
    <>
      <Group className="sidebar-top" visibleFrom="sm">
        <Logo />
      </Group>
      <UnstyledButton className="sidebar-search" onClick={search}>
        <Icon name="search" size={14} />
        <span>Search</span>
        <kbd>{modifier} K</kbd>
      </UnstyledButton>
      <div className="sidebar-places">
        {places.map(({ to, label, icon }) => (
          <NavLink
            key={to}
            renderRoot={(props) => <Link to={to} {...props} />}
            label={label}
            leftSection={<Icon name={icon} />}
            rightSection={to === '/waiting' && <WaitingCount />}
            active={isAt(pathname, to)}
            onClick={onGo}
          />
        ))}
      </div>
      <Group className="sidebar-bottom" wrap="nowrap" gap="xs" justify="space-between">
        <Person />
        <Scheme />
      </Group>
    </>
  )
}

const modifier = /Mac|iPhone|iPad/.test(navigator.userAgent) ? '⌘' : 'Ctrl'

const Logo = () => (
  <Group gap={8} wrap="nowrap">
    <img src="/favicon.svg" alt="" width={20} height={20} />
    <Text fw={650} size="sm">
      Outlast
    </Text>
  </Group>
)
