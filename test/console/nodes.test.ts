import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineCapability } from '../../apps/server/src/capabilities/capability.ts'
import { builtins } from '../../apps/server/src/capabilities/index.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent, createSession } from '../../apps/server/test/session.ts'
import { eventually, openProfile, openTab, startBrowser } from '../browser/browser.ts'
import { openSession, say } from './opening.ts'

const greeting = defineCapability({
  id: 'greeting',
  name: 'Greeting',
  description: 'Greets.',
  category: 'Testing',
  icon: 'hand',
  status: 'available',
  prompt: () => 'Greet people.',
})

const newer = { capabilities: [...builtins, greeting] }

test('warns while living nodes have different capabilities, and names the nodes of each catalog', async (t) => {
  const one = await startServer(t)
  const { databaseUrl } = one
  await startServer(t, { databaseUrl })
  const browser = await startBrowser(t)
  const profile = await openProfile(t, browser)
  const { page, complaints } = await openTab(profile, `${one.url}/operations?tab=nodes`)
  const nodes = page.getByRole('list', { name: 'Nodes' }).getByRole('listitem')
  await nodes.nth(1).waitFor()
  const warning = page.getByRole('alert').filter({ hasText: 'Nodes have different capabilities' })
  assert.equal(await warning.count(), 0)

  const two = await startServer(t, { ...newer, databaseUrl })
  await warning.waitFor()
  const { body } = await one.call('GET', '/v1/durable/workers')
  const [first, second, third] = body.data
  const hashes = warning.getByRole('listitem')
  // A node whose lease expires under load is left out until it renews the lease.
  await eventually(async () =>
    assert.deepEqual(await hashes.allInnerTexts(), [
      `Catalog ${first.catalog_hash}: ${first.id}, ${second.id}`,
      `Catalog ${third.catalog_hash}: ${third.id}`,
    ]),
  )
  await nodes.filter({ hasText: third.id }).getByText(third.catalog_hash).waitFor()
  await two.stop()
  await warning.waitFor({ state: 'detached' })
  assert.deepEqual(complaints, [])
})

test('shows which capability a turn waits for', async (t) => {
  const two = await startServer(t, newer)
  const { databaseUrl } = two
  const agent = await createAgent(two, { capabilities: [{ ref: 'greeting' }] })
  const { id } = await createSession(two, { agent_id: agent.id })
  await two.stop()
  const one = await startServer(t, { databaseUrl })
  const browser = await startBrowser(t)
  const { page, log, complaints } = await openSession(t, browser, { url: one.url, id })
  await say(page, 'Good morning')
  await page.getByText('Waiting for a server with greeting').waitFor()
  await startServer(t, { ...newer, databaseUrl })
  await log.getByText('Good morning').nth(1).waitFor()
  assert.deepEqual(complaints, [])
})
