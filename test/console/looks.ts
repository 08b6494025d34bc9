import type { Page } from 'playwright-core'
import { unfold } from './opening.ts'

type Act = (page: Page) => Promise<unknown>

/** A view: a URL or an action on the previous view, a text that it shows, and a part of it. */
export type Look = {
  at?: string
  act?: Act
  shows: string | RegExp
  /** Selector of the part to examine. Its surroundings were examined before. */
  part?: string
}

export type World = {
  agentId: string
  fileAgentId: string
  sessionId: string
  sharePath: string
  scheduleId: string
}

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
const open =
  (name: string | RegExp): Act =>
  (page) =>
    unfold(page.getByRole('button', { name, exact: true }).first())
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
const findAny: Act = (page) => page.getByRole('textbox', { name: 'Find in conversation' }).fill('a')
const openFile: Act = (page) => page.getByRole('treeitem', { name: 'today.md' }).click()
const makeKey: Act = async (page) => {
  await page.getByRole('dialog').getByLabel('Name').fill('Another')
  await press('Create key')(page)
}
const openConfig =
  (name: string): Act =>
  (page) =>
    page.getByRole('region', { name, exact: true }).getByText('Configuration').click()

/** Virtual lists render the rows in sight only. */
const scroll =
  (y: number): Act =>
  async (page) => {
    await page.getByRole('region', { name: 'Conversation', exact: true }).hover()
    await page.mouse.wheel(0, y)
  }
const openFirstTurn: Act = async (page) => {
  await press(/^Turn 1/)(page)
  await page.getByText(/^Turn 1: /).waitFor()
}
const openStep =
  (name: string): Act =>
  (page) =>
    page.locator('.step').filter({ hasText: name }).first().click()
const view =
  (name: string): Act =>
  (page) =>
    page.getByRole('tab', { name }).click()

/** Every screen, panel, tab and dialog of an administrator, by subject. */
export const looks = {
  sessions: () => [
    { at: '/', shows: /^(Needs approval|Waiting for client)$/ },
    { act: keys('Control+k'), shows: 'Navigate', part: dialog },
    { act: then(close, keys('?')), shows: 'Focus the search field', part: dialog },
    { act: then(close, press('Color theme')), shows: 'System', part: menu },
    { act: then(close, press(/^Account menu for/)), shows: 'Sign out', part: menu },
    { act: then(close, press('New session')), shows: 'First message', part: dialog },
    { act: then(close, select), shows: '1 selected', part: 'main' },
    { act: press('Delete sessions'), shows: /^Delete this session/, part: dialog },
    { at: '/?search=nothing', shows: 'No sessions match', part: 'main' },
    { at: '/settings/nowhere/at/all', shows: 'No page at this URL' },
  ],
  'what waits': () => [
    { at: '/waiting', shows: 'Approve this tool call?' },
    { at: '/waiting?type=budget', shows: 'No entries match', part: 'main' },
  ],
  'a conversation': ({ sessionId }) => [
    { at: `/sessions/${sessionId}`, shows: 'Approve this tool call?' },
    {
      act: then(scroll(-10_000), open('Thinking'), open(/^divide/), open(/^edit_text/)),
      shows: 'What would be good?',
      part: '[role=log]',
    },
    {
      act: then(scroll(10_000), press('Edit arguments')),
      shows: 'Discard edits',
      part: '.approval',
    },
    { act: press('Good reply'), shows: 'Save comment', part: '[role=log]' },
    { act: then(press('Find in conversation'), findAny), shows: /^\d+ of \d+$/, part: '.find-bar' },
    { act: press('Share session'), shows: 'Create link', part: dialog },
    { act: press('Create link'), shows: /^Copy this link now/, part: dialog },
    { at: '/sessions/session_00000000000000000000000000000000', shows: 'Session not found' },
  ],
  'a shared session': ({ sharePath }) => [
    { at: sharePath, shows: 'Read only' },
    { act: then(open('Thinking'), open(/^divide/)), shows: 'What would be good?' },
    { at: '/shared/session_00000000000000000000000000000000#no', shows: 'This link does not work' },
  ],
  'the panels of a session': ({ sessionId }) => [
    { at: `/sessions/${sessionId}?panel=timeline`, shows: /^Turn 2: /, part: panel },
    {
      act: then(openFirstTurn, openStep('llmsim-default')),
      shows: /^Messages/,
      part: '.inspector',
    },
    { act: view('Parameters'), shows: 'Time to first token', part: '.inspector' },
    { act: openStep('bash'), shows: /^Exit code/, part: '.inspector' },
    { act: openStep('list_directory'), shows: 'count: 1', part: '.inspector' },
    { act: openStep('read_file'), shows: 'size_bytes: 9', part: '.inspector' },
    { act: then(openStep('divide'), view('Policy')), shows: 'After a crash', part: '.inspector' },
    { act: then(go('Events'), press(/session.activated/)), shows: /^Show only /, part: panel },
    { act: then(go('Files'), openFile), shows: 'Saved', part: panel },
    { act: press('New file'), shows: 'Create', part: dialog },
    { act: then(close, go('Usage')), shows: 'All turns, newest first', part: panel },
    { act: then(go('Details'), press('Model input preview')), shows: 'write_todos', part: panel },
    { act: press('Delete session'), shows: /events and files are deleted/, part: dialog },
  ],
  agents: ({ agentId, fileAgentId }) => [
    { at: '/agents', shows: 'Stands at the door.' },
    { act: press('Import agent'), shows: 'Choose file', part: dialog },
    { at: '/agents/new', shows: 'Create', part: 'main' },
    {
      at: `/agents/${agentId}`,
      act: then(openConfig('Current Time'), openConfig('File System')),
      shows: 'Test the agent',
      part: 'main',
    },
    { act: press('More actions'), shows: 'Duplicate', part: menu },
    { act: choose('Archive'), shows: 'Archive Porter?', part: dialog },
    { act: then(close, go('Preview')), shows: 'get_current_time', part: '.agent-aside' },
    { act: go('Code'), shows: 'curl', part: '.agent-aside' },
    { at: `/agents/${fileAgentId}`, shows: /^To change this agent/, part: 'main' },
    { act: press('More actions'), shows: 'Duplicate', part: menu },
    { at: '/capabilities?open=test_weather', shows: 'Add to agent' },
  ],
  models: () => [
    { at: '/providers', shows: 'grind-1' },
    { at: '/providers?tab=providers', act: press('Test'), shows: 'Mill' },
    { act: press('Add provider'), shows: 'New provider', part: dialog },
    { at: '/mcp-servers', shows: 'tracker' },
    { act: press('Add server'), shows: 'New MCP server', part: dialog },
  ],
  budgets: () => [
    { at: '/budgets', shows: 'Agent Porter' },
    { act: press('New budget'), shows: 'Create budget', part: dialog },
    { act: then(close, press('Top up')), shows: 'Reason', part: dialog },
    { act: then(close, press('Ledger')), shows: 'Top-up', part: dialog },
    { at: '/usage?by=agent', shows: 'Total', part: 'main' },
  ],
  operations: ({ scheduleId }) => [
    { at: '/schedules', shows: 'Morning report' },
    { at: '/schedules/new', shows: 'Create', part: 'main' },
    { at: `/schedules/${scheduleId}`, shows: 'completed', part: 'main' },
    { act: go('Edit'), shows: 'Delete schedule', part: 'main' },
    { act: press('Delete schedule'), shows: /^Delete Morning report/, part: dialog },
    { at: '/operations', shows: 'Healthy' },
    { act: go('Turns'), shows: 'failed', part: 'main' },
    { act: go('Nodes'), shows: 'online', part: 'main' },
    { act: press('Drain'), shows: /^Drain /, part: dialog },
  ],
  settings: () => [
    { at: '/settings', shows: 'Sign out in all tabs' },
    { act: go('API keys'), shows: 'Robot', part: 'main' },
    { act: press('New key'), shows: 'Permissions', part: dialog },
    { act: makeKey, shows: 'Copy', part: dialog },
    { act: then(close, go('Members')), shows: 'guest@example.com', part: 'main' },
    { act: press('Invite member'), shows: 'Create invitation', part: dialog },
    { act: then(close, go('Organizations')), shows: 'Current', part: 'main' },
    { act: go('Audit log'), shows: 'create_agent', part: 'main' },
    { act: go('About'), shows: 'Version', part: 'main' },
  ],
} satisfies Record<string, (world: World) => Look[]>
