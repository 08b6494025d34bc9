import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
} from '@tanstack/react-router'
import { readSearch } from './sessions/panels.ts'
import { Broken, NotFound } from './shell/lost.tsx'
import { Shell } from './shell/shell.tsx'

const root = createRootRoute({ component: Shell })

export type SessionSearch = {
  search?: string | undefined
  status?: 'started' | 'active' | 'idle' | undefined
  agent?: string | undefined
  tag?: string | undefined
  /** A new session is being made. */
  new?: boolean | undefined
}

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
  component: lazyRouteComponent(() => import('./sessions/list.tsx'), 'SessionList'),
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

const coming = ['/providers', '/mcp-servers', '/schedules', '/operations', '/settings'].map(
  (path) =>
    createRoute({
      getParentRoute: () => root,
      path,
      component: lazyRouteComponent(() => import('./shell/coming.tsx'), 'Coming'),
    }),
)

export const router = createRouter({
  routeTree: root.addChildren([
    sessionList,
    session,
    agents,
    newAgent,
    agent,
    capabilities,
    ...coming,
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
