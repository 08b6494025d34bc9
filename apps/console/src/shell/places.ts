/** Where one can go, in the order of the menu. `key`: pressed after `g`. */
export const places = [
  { to: '/', label: 'Sessions', key: 's' },
  { to: '/agents', label: 'Agents', key: 'a' },
  { to: '/capabilities', label: 'Capabilities', key: 'c' },
  { to: '/providers', label: 'Models', key: 'm' },
  { to: '/mcp-servers', label: 'MCP servers', key: 't' },
  { to: '/schedules', label: 'Schedules', key: 'd' },
  { to: '/operations', label: 'Operations', key: 'o' },
  { to: '/settings', label: 'Settings', key: 'e' },
] as const

/** Whether a path is at a place or below it. */
export const isAt = (path: string, to: string) =>
  to === '/'
    ? path === '/' || path.startsWith('/sessions/')
    : path === to || path.startsWith(`${to}/`)
