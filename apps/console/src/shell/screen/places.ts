/** Menu entries in order. `key`: the shortcut after `g`. */
export const places = [
  { to: '/', label: 'Sessions', key: 's', icon: 'session' },
  { to: '/waiting', label: 'Waiting', key: 'w', icon: 'bell' },
  { to: '/agents', label: 'Agents', key: 'a', icon: 'agent' },
  { to: '/capabilities', label: 'Capabilities', key: 'c', icon: 'capability' },
  { to: '/providers', label: 'Models', key: 'm', icon: 'model' },
  { to: '/mcp-servers', label: 'MCP servers', key: 't', icon: 'plug' },
  { to: '/schedules', label: 'Schedules', key: 'd', icon: 'schedule' },
  { to: '/budgets', label: 'Budgets', key: 'b', icon: 'coins' },
  { to: '/usage', label: 'Usage', key: 'u', icon: 'chart' },
  { to: '/operations', label: 'Operations', key: 'o', icon: 'flow' },
  { to: '/settings', label: 'Settings', key: 'e', icon: 'gear' },
] as const

/** Returns whether a path is at or below a menu entry. */
export const isAt = (path: string, to: string) =>
  to === '/'
    ? path === '/' || path.startsWith('/sessions/')
    : path === to || path.startsWith(`${to}/`)
