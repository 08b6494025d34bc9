/** A product for tests: a server with authentication, an agent, and users who are signed in. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Agent } from '@outlast/contract'
import { createOutlast } from '@outlast/sdk'
import { createTokenHandler, nodeHandler } from '@outlast/sdk/server'
import type { Page } from 'playwright-core'
import {
  callerWith,
  createKey,
  registerPerson,
  startGuarded,
} from '../../apps/server/test/access.ts'
import { createAgent, type ScriptStep, scripted } from '../../apps/server/test/session.ts'
import { eventually } from '../browser/browser.ts'

export type Product = Awaited<ReturnType<typeof startProduct>>

/** Starts a server, which accepts pages of this origin. */
export async function startProduct(t: Pick<TestContext, 'after'>, origin = '') {
  const server = await startGuarded(t, { env: { CORS_ALLOWED_ORIGINS: origin } })
  const { key } = await createKey(server, await registerPerson(server))
  const { url } = server
  const call = callerWith(url, key)
  /** The environment of an example. */
  const env = ({ id }: Agent) => ({
    OUTLAST_URL: url,
    OUTLAST_API_KEY: key,
    OUTLAST_AGENT_ID: id,
  })
  return { url, call, env, outlast: createOutlast({ url, apiKey: key }) }
}

/** Creates an agent that answers with a script: messages of tokens cannot contain one. */
export function agentOf({ url, call }: Product, ...steps: ScriptStep[]): Promise<Agent> {
  const capabilities = [{ ref: 'test_math', config: { requires_approval: ['multiply'] } }]
  return createAgent({ url, call }, { system_prompt: scripted(...steps), capabilities })
}

/** An answer that does not end during a test. */
export const endless = {
  text: Array.from({ length: 5_000 }, (_, n) => `word${n}`).join(' '),
  tokens_per_second: 20,
}

/** Sends a message in the only chat of a page. */
export async function send(page: Page, text: string) {
  await page.getByLabel('Message').fill(text)
  await page.getByLabel('Message').press('Enter')
}

/** Waits until an answer is shown from its beginning, and then until more of it is shown. */
export async function untilGrowing(page: Page) {
  const shown = async () =>
    /word0 (word\d+ ?)+/.exec((await page.locator('main').textContent())!)?.[0] ?? ''
  await eventually(async () => assert.match(await shown(), /word3/))
  const first = await shown()
  await eventually(async () => assert.ok((await shown()).length > first.length + 20))
  assert.ok((await shown()).startsWith(first.slice(0, -1)))
}

/** The token endpoint of a product with one user. */
export const tokensOf = ({ outlast }: Product) =>
  nodeHandler(
    createTokenHandler({
      outlast,
      user: () => 'ada',
      grants: { access: 'approve' },
    }),
  )
