import { useQuery } from '@tanstack/react-query'
import { useSearch } from '@tanstack/react-router'
import { authConfigQuery, meQuery, useMay } from '../queries/me.ts'
import { Empty, Failure, Screen } from '../shell/screen/screen.tsx'
import { ScreenSkeleton } from '../shell/screen/skeleton.tsx'
import { Tabs } from '../shell/screen/tabs.tsx'
import { About } from './about.tsx'
import { Audit } from './audit.tsx'
import { ApiKeys } from './keys.tsx'
import { Members } from './members.tsx'
import { Organizations } from './organizations.tsx'
import { Profile } from './profile.tsx'
import { Webhooks } from './webhooks/list.tsx'

const tabs = [
  { tab: 'profile', label: 'Profile' },
  { tab: 'keys', label: 'API keys' },
  { tab: 'members', label: 'Members' },
  { tab: 'organizations', label: 'Organizations' },
  { tab: 'webhooks', label: 'Webhooks' },
  { tab: 'audit', label: 'Audit log' },
  { tab: 'about', label: 'About' },
] as const

const withoutAccounts = ['webhooks', 'audit', 'about']
const forAdministrators = ['webhooks', 'audit']

/** Account, keys, members, organizations and audit log. */
export function SettingsScreen() {
  const config = useQuery(authConfigQuery)
  const me = useQuery(meQuery)
  const mayAdminister = useMay('admin')
  const isOff = config.data?.mode === 'none'
  const search = useSearch({ from: '/settings' })
  const error = config.error ?? me.error
  const retry = () => Promise.all([config.refetch(), me.refetch()])
  const failure = error && <Failure error={error} retry={retry} />
  if (!config.data || me.data === undefined) return failure ?? <ScreenSkeleton />
  const offered = tabs.filter(
    ({ tab }) =>
      (!isOff || withoutAccounts.includes(tab)) &&
      (mayAdminister || !forAdministrators.includes(tab)),
  )
  const tab = search.tab ?? offered[0]!.tab
  return (
    <Screen title="Settings">
      {failure}
      <Tabs label="Settings sections" tabs={offered} current={tab} />
      <div className="scroll">
        {!offered.some((one) => one.tab === tab) ? (
          <NotHere isOff={isOff} />
        ) : (
          <>
            {tab === 'profile' && <Profile />}
            {tab === 'keys' && <ApiKeys />}
            {tab === 'members' && <Members />}
            {tab === 'organizations' && <Organizations />}
            {tab === 'webhooks' && <Webhooks />}
            {tab === 'audit' && <Audit />}
            {tab === 'about' && <About />}
          </>
        )}
      </div>
    </Screen>
  )
}

const NotHere = ({ isOff }: { isOff: boolean }) =>
  isOff ? (
    <Empty title="Authentication is off">
      Every client that can reach this port has full access. Start the server with AUTH_MODE=admin
      or AUTH_MODE=full to use accounts, API keys and roles.
    </Empty>
  ) : (
    <Empty title="Administrators only">Ask an administrator of your organization for access.</Empty>
  )
