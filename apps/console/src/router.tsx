import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  parseSearchWith,
  redirect,
} from '@tanstack/react-router'
import * as search from './search.ts'
import { retried } from './shell/screen/lazy-part.ts'
import { Broken, NotFound } from './shell/screen/lost.tsx'
import { ScreenSkeleton } from './shell/screen/skeleton.tsx'
import { Shell } from './shell/shell.tsx'

/**
 * A screen whose code is requested again after 1, 2 and 4 s. Then the router reloads the page once:
 * an updated server may not have it any more.
 */
const screen: typeof lazyRouteComponent = (load, name) => lazyRouteComponent(retried(load, 4), name)

const root = createRootRoute({ component: Shell })
const getParentRoute = () => root

const sessionList = createRoute({
  getParentRoute,
  path: '/',
  validateSearch: search.readSessionsSearch,
  component: screen(() => import('./sessions/list/list.tsx'), 'SessionList'),
})

/** Addresses that users guess. */
const sessions = createRoute({
  getParentRoute,
  path: '/sessions',
  validateSearch: search.readSessionsSearch,
  beforeLoad() {
    throw redirect({ to: '/', search: true, replace: true })
  },
})

const models = createRoute({
  getParentRoute,
  path: '/models',
  validateSearch: search.readProvidersSearch,
  beforeLoad() {
    throw redirect({ to: '/providers', search: true, replace: true })
  },
})

const session = createRoute({
  getParentRoute,
  path: '/sessions/$sessionId',
  validateSearch: search.readSessionSearch,
  component: screen(() => import('./sessions/session.tsx'), 'SessionScreen'),
})

const waiting = createRoute({
  getParentRoute,
  path: '/waiting',
  validateSearch: search.readWaitingSearch,
  component: screen(() => import('./waiting/screen.tsx'), 'WaitingScreen'),
})

const agents = createRoute({
  getParentRoute,
  path: '/agents',
  validateSearch: search.readAgentsSearch,
  component: screen(() => import('./agents/list.tsx'), 'AgentList'),
})

const newAgent = createRoute({
  getParentRoute,
  path: '/agents/new',
  validateSearch: search.readAgentSearch,
  component: screen(() => import('./agents/agent.tsx'), 'NewAgentScreen'),
})

const agent = createRoute({
  getParentRoute,
  path: '/agents/$agentId',
  validateSearch: search.readAgentSearch,
  component: screen(() => import('./agents/agent.tsx'), 'AgentScreen'),
})

const capabilities = createRoute({
  getParentRoute,
  path: '/capabilities',
  validateSearch: search.readCapabilitiesSearch,
  component: screen(() => import('./capabilities/catalogue.tsx'), 'Catalogue'),
})

const providers = createRoute({
  getParentRoute,
  path: '/providers',
  validateSearch: search.readProvidersSearch,
  component: screen(() => import('./providers/screen.tsx'), 'ProvidersScreen'),
})

const mcpServers = createRoute({
  getParentRoute,
  path: '/mcp-servers',
  validateSearch: search.readMcpServersSearch,
  component: screen(() => import('./mcp-servers/screen.tsx'), 'McpServersScreen'),
})

const schedules = createRoute({
  getParentRoute,
  path: '/schedules',
  validateSearch: search.readSchedulesSearch,
  component: screen(() => import('./schedules/list.tsx'), 'ScheduleList'),
})

const newSchedule = createRoute({
  getParentRoute,
  path: '/schedules/new',
  component: screen(() => import('./schedules/editor.tsx'), 'NewScheduleScreen'),
})

const schedule = createRoute({
  getParentRoute,
  path: '/schedules/$scheduleId',
  validateSearch: search.readScheduleSearch,
  component: screen(() => import('./schedules/schedule.tsx'), 'ScheduleScreen'),
})

const budgets = createRoute({
  getParentRoute,
  path: '/budgets',
  validateSearch: search.readBudgetsSearch,
  component: screen(() => import('./budgets/screen.tsx'), 'BudgetsScreen'),
})

const usage = createRoute({
  getParentRoute,
  path: '/usage',
  validateSearch: search.readUsageSearch,
  component: screen(() => import('./usage/screen.tsx'), 'UsageScreen'),
})

const operations = createRoute({
  getParentRoute,
  path: '/operations',
  validateSearch: search.readOperationsSearch,
  component: screen(() => import('./operations/screen.tsx'), 'OperationsScreen'),
})

const settings = createRoute({
  getParentRoute,
  path: '/settings',
  validateSearch: search.readSettingsSearch,
  component: screen(() => import('./settings/screen.tsx'), 'SettingsScreen'),
})

/** Every part of the design system. The built page does not have it. */
const development = import.meta.env.DEV
  ? [
      createRoute({
        getParentRoute,
        path: '/design',
        validateSearch: search.readDesignSearch,
        component: screen(() => import('./design/page.tsx'), 'DesignPage'),
      }),
    ]
  : []

export const router = createRouter({
  routeTree: root.addChildren([
    sessionList,
    sessions,
    models,
    session,
    waiting,
    agents,
    newAgent,
    agent,
    capabilities,
    providers,
    mcpServers,
    schedules,
    newSchedule,
    schedule,
    budgets,
    usage,
    operations,
    settings,
    ...(development as []),
  ]),
  // Long numbers would lose digits as JSON. Texts that look like JSON are in quotes.
  parseSearch: parseSearchWith((value) => (value.startsWith('"') ? JSON.parse(value) : value)),
  defaultPreload: 'intent',
  defaultPendingMs: 150,
  defaultPendingMinMs: 0,
  defaultPendingComponent: ScreenSkeleton,
  defaultNotFoundComponent: NotFound,
  defaultErrorComponent: Broken,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
