import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
} from '@tanstack/react-router'
import * as search from './search.ts'
import { retried } from './shell/lazy-part.ts'
import { Broken, NotFound } from './shell/lost.tsx'
import { Shell } from './shell/shell.tsx'
import { ScreenSkeleton } from './shell/skeleton.tsx'

/**
 * Code of a screen, requested again after 1, 2 and 4 s. Then the router reloads the page once: an
 * updated server may not have it any more.
 */
const coded = <Code,>(load: () => Promise<Code>) => retried(load, 4)

const root = createRootRoute({ component: Shell })
const getParentRoute = () => root

const sessionList = createRoute({
  getParentRoute,
  path: '/',
  validateSearch: search.readSessionsSearch,
  component: lazyRouteComponent(
    coded(() => import('./sessions/list/list.tsx')),
    'SessionList',
  ),
})

const session = createRoute({
  getParentRoute,
  path: '/sessions/$sessionId',
  validateSearch: search.readSessionSearch,
  component: lazyRouteComponent(
    coded(() => import('./sessions/session.tsx')),
    'SessionScreen',
  ),
})

const waiting = createRoute({
  getParentRoute,
  path: '/waiting',
  validateSearch: search.readWaitingSearch,
  component: lazyRouteComponent(
    coded(() => import('./waiting/screen.tsx')),
    'WaitingScreen',
  ),
})

const agents = createRoute({
  getParentRoute,
  path: '/agents',
  validateSearch: search.readAgentsSearch,
  component: lazyRouteComponent(
    coded(() => import('./agents/list.tsx')),
    'AgentList',
  ),
})

const newAgent = createRoute({
  getParentRoute,
  path: '/agents/new',
  validateSearch: search.readAgentSearch,
  component: lazyRouteComponent(
    coded(() => import('./agents/agent.tsx')),
    'NewAgentScreen',
  ),
})

const agent = createRoute({
  getParentRoute,
  path: '/agents/$agentId',
  validateSearch: search.readAgentSearch,
  component: lazyRouteComponent(
    coded(() => import('./agents/agent.tsx')),
    'AgentScreen',
  ),
})

const capabilities = createRoute({
  getParentRoute,
  path: '/capabilities',
  validateSearch: search.readCapabilitiesSearch,
  component: lazyRouteComponent(
    coded(() => import('./capabilities/catalogue.tsx')),
    'Catalogue',
  ),
})

const providers = createRoute({
  getParentRoute,
  path: '/providers',
  validateSearch: search.readProvidersSearch,
  component: lazyRouteComponent(
    coded(() => import('./providers/screen.tsx')),
    'ProvidersScreen',
  ),
})

const mcpServers = createRoute({
  getParentRoute,
  path: '/mcp-servers',
  validateSearch: search.readMcpServersSearch,
  component: lazyRouteComponent(
    coded(() => import('./mcp-servers/screen.tsx')),
    'McpServersScreen',
  ),
})

const schedules = createRoute({
  getParentRoute,
  path: '/schedules',
  validateSearch: search.readSchedulesSearch,
  component: lazyRouteComponent(
    coded(() => import('./schedules/list.tsx')),
    'ScheduleList',
  ),
})

const newSchedule = createRoute({
  getParentRoute,
  path: '/schedules/new',
  component: lazyRouteComponent(
    coded(() => import('./schedules/editor.tsx')),
    'NewScheduleScreen',
  ),
})

const schedule = createRoute({
  getParentRoute,
  path: '/schedules/$scheduleId',
  validateSearch: search.readScheduleSearch,
  component: lazyRouteComponent(
    coded(() => import('./schedules/schedule.tsx')),
    'ScheduleScreen',
  ),
})

const budgets = createRoute({
  getParentRoute,
  path: '/budgets',
  validateSearch: search.readBudgetsSearch,
  component: lazyRouteComponent(
    coded(() => import('./budgets/screen.tsx')),
    'BudgetsScreen',
  ),
})

const usage = createRoute({
  getParentRoute,
  path: '/usage',
  validateSearch: search.readUsageSearch,
  component: lazyRouteComponent(
    coded(() => import('./usage/screen.tsx')),
    'UsageScreen',
  ),
})

const operations = createRoute({
  getParentRoute,
  path: '/operations',
  validateSearch: search.readOperationsSearch,
  component: lazyRouteComponent(
    coded(() => import('./operations/screen.tsx')),
    'OperationsScreen',
  ),
})

const settings = createRoute({
  getParentRoute,
  path: '/settings',
  validateSearch: search.readSettingsSearch,
  component: lazyRouteComponent(
    coded(() => import('./settings/screen.tsx')),
    'SettingsScreen',
  ),
})

/** Every part of the design system. The built page does not have it. */
const development = import.meta.env.DEV
  ? [
      createRoute({
        getParentRoute,
        path: '/design',
        validateSearch: search.readDesignSearch,
        component: lazyRouteComponent(
          coded(() => import('./design/page.tsx')),
          'DesignPage',
        ),
      }),
    ]
  : []

export const router = createRouter({
  routeTree: root.addChildren([
    sessionList,
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
