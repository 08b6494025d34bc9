import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
} from '@tanstack/react-router'
import { readSearch } from './sessions/panels.ts'
import { Shell } from './shell/shell.tsx'

const root = createRootRoute({ component: Shell })

export type SessionSearch = {
  search?: string | undefined
  status?: 'started' | 'active' | 'idle' | undefined
  agent?: string | undefined
  tag?: string | undefined
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
  component: lazyRouteComponent(() => import('./agents/list.tsx'), 'AgentList'),
})

const coming = [
  '/capabilities',
  '/providers',
  '/mcp-servers',
  '/schedules',
  '/operations',
  '/settings',
].map((path) =>
  createRoute({
    getParentRoute: () => root,
    path,
    component: lazyRouteComponent(() => import('./shell/coming.tsx'), 'Coming'),
  }),
)

export const router = createRouter({
  routeTree: root.addChildren([sessionList, session, agents, ...coming]),
  defaultPreload: 'intent',
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
