import type { Page } from 'playwright-core'

type Act = (page: Page) => Promise<unknown>

/** A view: an address or an action at the one before; what shows that it is there; and where. */
export type Look = {
  at?: string
  act?: Act
  shows: string | RegExp
  /** A selector: what is around it was looked at before. */
  part?: string
}

export type World = { agentId: string; sessionId: string; scheduleId: string }

const dialog = '[role=dialog]'
const menu = '[role=menu]'
const panel = '.session-panel'

const then =
  (...acts: Act[]): Act =>
  async (page) => {
    for (const act of acts) await act(page)
  }
const close: Act = (page) => page.keyboard.press('Escape')
const keys =
  (key: string): Act =>
  (page) =>
    page.keyboard.press(key)
const press =
  (name: string | RegExp): Act =>
  (page) =>
    page.getByRole('button', { name, exact: true }).first().click()
const choose =
  (name: string): Act =>
  (page) =>
    page.getByRole('menuitem', { name, exact: true }).click()
const go =
  (name: string): Act =>
  (page) =>
    page.getByRole('main').getByRole('link', { name, exact: true }).click()

const select: Act = (page) =>
  page
    .getByRole('checkbox', { name: /^Select/ })
    .first()
    .click()
const openFile: Act = (page) => page.getByRole('treeitem', { name: 'today.md' }).click()
const makeKey: Act = async (page) => {
  await page.getByRole('dialog').getByLabel('Name').fill('Another')
  await press('Make the key')(page)
}
const openConfig =
  (name: string): Act =>
  (page) =>
    page.getByRole('region', { name, exact: true }).getByText('Config').click()

/** Every screen, panel, tab and dialog of whoever may do everything, by what they are of. */
export const looks = {
  sessions: () => [
    { at: '/', shows: /^waits for/ },
    { act: keys('Control+k'), shows: 'Go to', part: dialog },
    { act: then(close, keys('?')), shows: 'Search on this screen', part: dialog },
    { act: then(close, press('Light or dark')), shows: 'As the system', part: menu },
    { act: then(close, press(/^Account of/)), shows: 'Sign out', part: menu },
    { act: then(close, press('New session')), shows: 'First message', part: dialog },
    { act: then(close, select), shows: '1 selected', part: 'main' },
    { act: press('Delete'), shows: /^Delete this session/, part: dialog },
    { at: '/?search=nothing', shows: 'There is no such session.', part: 'main' },
    { at: '/settings/nowhere/at/all', shows: 'There is nothing at this address.' },
  ],
  'a conversation': ({ sessionId }) => [
    { at: `/sessions/${sessionId}`, shows: 'May the agent do this?' },
    {
      act: then(press('Thinking'), press(/^divide/)),
      shows: 'What would be good?',
      part: '[role=log]',
    },
    { act: press('Edit arguments'), shows: 'Leave them as they were', part: '.approval' },
    { at: '/sessions/session_00000000000000000000000000000000', shows: /not there/ },
  ],
  'the panels of a session': ({ sessionId }) => [
    { at: `/sessions/${sessionId}?panel=timeline`, shows: /^Turn 2: /, part: panel },
    { act: then(go('Events'), press(/session.activated/)), shows: /^Only /, part: panel },
    { act: then(go('Files'), openFile), shows: 'As it is stored', part: panel },
    { act: press('New file'), shows: 'Create', part: dialog },
    { act: then(close, go('Usage')), shows: 'Every turn, the latest first', part: panel },
    { act: then(go('Details'), press(/^What the model/)), shows: 'write_todos', part: panel },
    { act: press('Delete the session'), shows: 'files are gone for good', part: dialog },
  ],
  agents: ({ agentId }) => [
    { at: '/agents', shows: 'Stands at the door.' },
    { act: press('Import'), shows: 'Import an agent', part: dialog },
    { at: '/agents/new', shows: 'Create', part: 'main' },
    {
      at: `/agents/${agentId}`,
      act: then(openConfig('Current Time'), openConfig('File System')),
      shows: 'Try it here',
      part: 'main',
    },
    { act: press('More of this agent'), shows: 'Duplicate', part: menu },
    { act: choose('Archive'), shows: 'Archive Porter?', part: dialog },
    { act: then(close, press('Preview')), shows: 'get_current_time', part: '.agent-aside' },
    { at: '/capabilities?open=test_weather', shows: 'Use in an agent' },
  ],
  models: () => [
    { at: '/providers', shows: 'grind-1' },
    { at: '/providers?tab=providers', act: press('Test'), shows: 'Mill' },
    { act: press('Add a provider'), shows: 'New provider', part: dialog },
    { at: '/mcp-servers', shows: 'tracker' },
    { act: press('Add a server'), shows: 'New MCP server', part: dialog },
  ],
  operations: ({ scheduleId }) => [
    { at: '/schedules', shows: 'Morning report' },
    { at: '/schedules/new', shows: 'Create', part: 'main' },
    { at: `/schedules/${scheduleId}`, shows: 'completed', part: 'main' },
    { act: go('Edit'), shows: 'Delete this schedule', part: 'main' },
    { act: press('Delete this schedule'), shows: /^Delete Morning report/, part: dialog },
    { at: '/operations', shows: 'Everything works' },
    { act: go('Turns'), shows: 'failed', part: 'main' },
    { act: go('Nodes'), shows: 'alive', part: 'main' },
    { act: press('Drain'), shows: /^Drain /, part: dialog },
  ],
  settings: () => [
    { at: '/settings', shows: 'Sign out in all tabs' },
    { act: go('API keys'), shows: 'Robot', part: 'main' },
    { act: press('New key'), shows: 'What it may do', part: dialog },
    { act: makeKey, shows: 'Copy', part: dialog },
    { act: then(close, go('Members')), shows: 'guest@example.com', part: 'main' },
    { act: press('Invite'), shows: 'Invite somebody', part: dialog },
    { act: then(close, go('Organizations')), shows: 'you are here', part: 'main' },
    { act: go('Audit log'), shows: 'create_agent', part: 'main' },
    { act: go('About'), shows: 'Version', part: 'main' },
  ],
} satisfies Record<string, (world: World) => Look[]>
