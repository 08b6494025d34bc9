import type { Page } from 'playwright-core'

type Tour = {
  /** The address of the server, the same before and after. */
  url: string
  kill: () => Promise<unknown>
  restart: () => Promise<unknown>
  onKilled?: () => Promise<unknown>
  onDone?: () => Promise<unknown>
}

/**
 * Plays the guided tour in the console as a new user: starts a session, kills the server in the
 * middle of the slow paragraph, starts it again, approves. Resolves when the final table is shown.
 */
export async function playTour(page: Page, { url, kill, restart, onKilled, onDone }: Tour) {
  const response = await page.request.post(`${url}/v1/sessions`, {
    data: { agent_id: 'agent_01933b5a000070008000000000000106', title: 'Guided tour' },
  })
  const { id } = (await response.json()) as { id: string }
  await page.goto(`${url}/sessions/${id}`)
  await page.getByLabel('Message', { exact: true }).fill('Hello!')
  await page.getByLabel('Message', { exact: true }).press('Enter')
  const log = page.getByRole('log')
  await log.getByText('keep this window open').waitFor()
  await kill()
  await page.getByText('Connection lost.').waitFor()
  await onKilled?.()
  await restart()
  await page.getByText('Connection lost.').waitFor({ state: 'detached' })
  await page.getByRole('button', { name: /^Approve\b/ }).click()
  await log.getByText('You approved, and the raw data is deleted.').waitFor()
  await log.getByRole('cell', { name: '165.75' }).waitFor()
  await page.getByText('Idle', { exact: true }).waitFor()
  await onDone?.()
  return { id }
}
