import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
} from '@tanstack/react-router'
import * as search from './search.ts'
import { Broken, NotFound } from './shell/lost.tsx'
import { Shell } from './shell/shell.tsx'
import { ScreenSkeleton } from './shell/skeleton.tsx'

const root = createRootRoute({ component: Shell })
const getParentRoute = () => root

const sessionList = createRoute({
  getParentRoute,
  path: '/',
  validateSearch: search.readSessionsSearch,
  component: lazyRouteComponent(() => import('./sessions/list/list.tsx'), 'SessionList'),
})

const session = createRoute({
  getParentRoute,
  path: '/sessions/$sessionId',
  validateSearch: search.readSessionSearch,
  component: lazyRouteComponent(() => import('./sessions/session.tsx'), 'SessionScreen'),
})

const waiting = createRoute({
  getParentRoute,
  path: '/waiting',
  validateSearch: search.readWaitingSearch,
  component: lazyRouteComponent(() => import('./waiting/screen.tsx'), 'WaitingScreen'),
})

const agents = createRoute({
  getParentRoute,
  path: '/agents',
  validateSearch: search.readAgentsSearch,
  component: lazyRouteComponent(() => import('./agents/list.tsx'), 'AgentList'),
})

const newAgent = createRoute({
  getParentRoute,
  path: '/agents/new',
  validateSearch: search.readAgentSearch,
  component: lazyRouteComponent(() => import('./agents/agent.tsx'), 'NewAgentScreen'),
})

const agent = createRoute({
  getParentRoute,
  path: '/agents/$agentId',
  validateSearch: search.readAgentSearch,
  component: lazyRouteComponent(() => import('./agents/agent.tsx'), 'AgentScreen'),
})

const capabilities = createRoute({
  getParentRoute,
  path: '/capabilities',
  validateSearch: search.readCapabilitiesSearch,
  component: lazyRouteComponent(() => import('./capabilities/catalogue.tsx'), 'Catalogue'),
})

const providers = createRoute({
  getParentRoute,
  path: '/providers',
  validateSearch: search.readProvidersSearch,
  component: lazyRouteComponent(() => import('./providers/screen.tsx'), 'ProvidersScreen'),
})

const mcpServers = createRoute({
  getParentRoute,
  path: '/mcp-servers',
  validateSearch: search.readMcpServersSearch,
  component: lazyRouteComponent(() => import('./mcp-servers/screen.tsx'), 'McpServersScreen'),
})

const schedules = createRoute({
  getParentRoute,
  path: '/schedules',
  validateSearch: search.readSchedulesSearch,
  component: lazyRouteComponent(() => import('./schedules/list.tsx'), 'ScheduleList'),
})

const newSchedule = createRoute({
  getParentRoute,
  path: '/schedules/new',
  component: lazyRouteComponent(() => import('./schedules/editor.tsx'), 'NewScheduleScreen'),
})

const schedule = createRoute({
  getParentRoute,
  path: '/schedules/$scheduleId',
  validateSearch: search.readScheduleSearch,
  component: lazyRouteComponent(() => import('./schedules/schedule.tsx'), 'ScheduleScreen'),
})

const budgets = createRoute({
  getParentRoute,
  path: '/budgets',
  validateSearch: search.readBudgetsSearch,
  component: lazyRouteComponent(() => import('./budgets/screen.tsx'), 'BudgetsScreen'),
})

const usage = createRoute({
  getParentRoute,
  path: '/usage',
  validateSearch: search.readUsageSearch,
  component: lazyRouteComponent(() => import('./usage/screen.tsx'), 'UsageScreen'),
})

const operations = createRoute({
  getParentRoute,
  path: '/operations',
  validateSearch: search.readOperationsSearch,
  component: lazyRouteComponent(() => import('./operations/screen.tsx'), 'OperationsScreen'),
})

const settings = createRoute({
  getParentRoute,
  path: '/settings',
  validateSearch: search.readSettingsSearch,
  component: lazyRouteComponent(() => import('./settings/screen.tsx'), 'SettingsScreen'),
})

/** Every part of the design system. The built page does not have it. */
const development = import.meta.env.DEV
  ? [
      createRoute({
        getParentRoute,
        path: '/design',
        validateSearch: search.readDesignSearch,
        component: lazyRouteComponent(() => import('./design/page.tsx'), 'DesignPage'),
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
