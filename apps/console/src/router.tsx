import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
} from '@tanstack/react-router'
import type { SessionSearch } from './sessions/list/search.ts'
import { readSearch } from './sessions/panels/panels.ts'
import { Broken, NotFound } from './shell/lost.tsx'
import { Shell } from './shell/shell.tsx'

const root = createRootRoute({ component: Shell })

const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined)

const sessionList = createRoute({
  getParentRoute: () => root,
  path: '/',
  validateSearch: (given: Record<string, unknown>): SessionSearch => ({
    search: text(given.search),
    status: (['started', 'active', 'idle'] as const).find((status) => status === given.status),
    agent: text(given.agent),
    tag: text(given.tag),
    new: given.new === true || undefined,
  }),
  component: lazyRouteComponent(() => import('./sessions/list/list.tsx'), 'SessionList'),
})

const session = createRoute({
  getParentRoute: () => root,
  path: '/sessions/$sessionId',
  validateSearch: readSearch,
  component: lazyRouteComponent(() => import('./sessions/session.tsx'), 'SessionScreen'),
})

const agents = createRoute({
  getParentRoute: () => root,
  path: '/agents',
  validateSearch: (given: Record<string, unknown>): AgentsSearch => ({
    search: text(given.search),
    importing: given.importing === true || undefined,
  }),
  component: lazyRouteComponent(() => import('./agents/list.tsx'), 'AgentList'),
})

type AgentsSearch = { search?: string | undefined; importing?: boolean | undefined }

type AgentSearch = {
  /** What stands beside the editor. */
  side?: 'playground' | 'preview' | undefined
  /** The session of the playground. */
  session?: string | undefined
  /** A capability to begin with. */
  add?: string | undefined
}

const agentSearch = (given: Record<string, unknown>): AgentSearch => ({
  side: (['playground', 'preview'] as const).find((side) => side === given.side),
  session: text(given.session),
  add: text(given.add),
})

const newAgent = createRoute({
  getParentRoute: () => root,
  path: '/agents/new',
  validateSearch: agentSearch,
  component: lazyRouteComponent(() => import('./agents/agent.tsx'), 'NewAgentScreen'),
})

const agent = createRoute({
  getParentRoute: () => root,
  path: '/agents/$agentId',
  validateSearch: agentSearch,
  component: lazyRouteComponent(() => import('./agents/agent.tsx'), 'AgentScreen'),
})

type CapabilitiesSearch = {
  search?: string | undefined
  category?: string | undefined
  open?: string | undefined
}

const capabilities = createRoute({
  getParentRoute: () => root,
  path: '/capabilities',
  validateSearch: (given: Record<string, unknown>): CapabilitiesSearch => ({
    search: text(given.search),
    category: text(given.category),
    open: text(given.open),
  }),
  component: lazyRouteComponent(() => import('./capabilities/catalogue.tsx'), 'Catalogue'),
})

const flag = (value: unknown) => value === true || undefined
const oneOf = <T extends string>(choices: readonly T[], value: unknown) =>
  choices.find((choice) => choice === value)

const providers = createRoute({
  getParentRoute: () => root,
  path: '/providers',
  validateSearch: (given: Record<string, unknown>): ProvidersSearch => ({
    tab: oneOf(['models', 'providers'], given.tab),
    search: text(given.search),
    provider: text(given.provider),
    takes: oneOf(['image', 'audio', 'video'], given.takes),
    favorites: flag(given.favorites),
    all: flag(given.all),
    new: flag(given.new),
  }),
  component: lazyRouteComponent(() => import('./providers/screen.tsx'), 'ProvidersScreen'),
})

type ProvidersSearch = {
  tab?: 'models' | 'providers' | undefined
  search?: string | undefined
  provider?: string | undefined
  takes?: 'image' | 'audio' | 'video' | undefined
  favorites?: boolean | undefined
  /** Models that are disabled or stale, too. */
  all?: boolean | undefined
  new?: boolean | undefined
}

const mcpServers = createRoute({
  getParentRoute: () => root,
  path: '/mcp-servers',
  validateSearch: (given: Record<string, unknown>): { new?: boolean | undefined } => ({
    new: flag(given.new),
  }),
  component: lazyRouteComponent(() => import('./mcp-servers/screen.tsx'), 'McpServersScreen'),
})

const schedules = createRoute({
  getParentRoute: () => root,
  path: '/schedules',
  component: lazyRouteComponent(() => import('./schedules/list.tsx'), 'ScheduleList'),
})

const newSchedule = createRoute({
  getParentRoute: () => root,
  path: '/schedules/new',
  component: lazyRouteComponent(() => import('./schedules/editor.tsx'), 'NewScheduleScreen'),
})

type ScheduleSearch = {
  tab?: 'history' | 'edit' | undefined
  status?: 'pending' | 'running' | 'completed' | 'failed' | 'skipped' | undefined
}

const schedule = createRoute({
  getParentRoute: () => root,
  path: '/schedules/$scheduleId',
  validateSearch: (given: Record<string, unknown>): ScheduleSearch => ({
    tab: oneOf(['history', 'edit'], given.tab),
    status: oneOf(['pending', 'running', 'completed', 'failed', 'skipped'], given.status),
  }),
  component: lazyRouteComponent(() => import('./schedules/schedule.tsx'), 'ScheduleScreen'),
})

type OperationsSearch = {
  tab?: 'overview' | 'turns' | 'nodes' | undefined
  status?: 'queued' | 'running' | 'waiting' | 'failed' | undefined
  agent?: string | undefined
  /** How far back charts of all nodes go. */
  minutes?: 60 | 360 | 1_440 | undefined
}

const operations = createRoute({
  getParentRoute: () => root,
  path: '/operations',
  validateSearch: (given: Record<string, unknown>): OperationsSearch => ({
    tab: oneOf(['overview', 'turns', 'nodes'], given.tab),
    status: oneOf(['queued', 'running', 'waiting', 'failed'], given.status),
    agent: text(given.agent),
    minutes: ([60, 360, 1_440] as const).find((minutes) => minutes === given.minutes),
  }),
  component: lazyRouteComponent(() => import('./operations/screen.tsx'), 'OperationsScreen'),
})

type SettingsSearch = {
  tab?: 'profile' | 'keys' | 'members' | 'organizations' | 'audit' | 'about' | undefined
  action?: string | undefined
  target?: string | undefined
  since?: string | undefined
}

const settings = createRoute({
  getParentRoute: () => root,
  path: '/settings',
  validateSearch: (given: Record<string, unknown>): SettingsSearch => ({
    tab: oneOf(['profile', 'keys', 'members', 'organizations', 'audit', 'about'], given.tab),
    action: text(given.action),
    target: text(given.target),
    since: text(given.since),
  }),
  component: lazyRouteComponent(() => import('./settings/screen.tsx'), 'SettingsScreen'),
})

export const router = createRouter({
  routeTree: root.addChildren([
    sessionList,
    session,
    agents,
    newAgent,
    agent,
    capabilities,
    providers,
    mcpServers,
    schedules,
    newSchedule,
    schedule,
    operations,
    settings,
  ]),
  defaultPreload: 'intent',
  defaultNotFoundComponent: NotFound,
  defaultErrorComponent: Broken,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
