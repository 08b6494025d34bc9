import assert from 'node:assert/strict'
import { type SpawnOptions, spawn } from 'node:child_process'
import { type TestContext, test } from 'node:test'
import type { Page } from 'playwright-core'
import { createKey, registerPerson, startGuarded } from '../../../apps/server/test/access.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import { createAgent } from '../../../apps/server/test/session.ts'
import { openProfile, openTab, signIn, startBrowser } from '../../browser/browser.ts'

const root = new URL('../../..', import.meta.url)

async function shownCode(page: Page, language: string, first: string): Promise<string> {
  await page.getByRole('radiogroup', { name: 'Language' }).getByText(language).click()
  const code = page.getByRole('region', { name: 'Code' }).locator('pre')
  await code.filter({ hasText: first }).waitFor()
  await page.getByRole('button', { name: 'Copy code' }).waitFor()
  return (await code.textContent())!
}

/** Runs a program until it ends or has printed a text, and returns what it printed. */
function run(t: TestContext, [command, ...args]: string[], until: string, env: object = {}) {
  const options: SpawnOptions = { cwd: root, detached: true, env: { ...process.env, ...env } }
  const child = spawn(command!, args, { ...options, stdio: ['ignore', 'pipe', 'inherit'] })
  const stop = () => {
    try {
      process.kill(-child.pid!)
    } catch {
      // It has ended.
    }
  }
  t.after(stop)
  return new Promise<string>((resolve, reject) => {
    let printed = ''
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      printed += text
      if (printed.includes(until)) stop()
    })
    child.on('error', reject).on('close', () => resolve(printed))
  })
}

const node = ['--disable-warning=ExperimentalWarning', '--input-type=module-typescript', '-e']

test('the code on the page of an agent calls it with a key from the environment', async (t) => {
  const server = await startGuarded(t)
  const person = await registerPerson(server)
  const agent = await createAgent({ ...server, call: person.call }, { name: 'Echo' })
  const { key } = await createKey(server, person)
  const browser = await startBrowser(t)
  const address = `${server.url}/agents/${agent.id}?side=code`
  const { page } = await openTab(await openProfile(t, browser), address)
  await signIn(page, person)
  const shell = await shownCode(page, 'curl', 'curl -sS')
  const program = await shownCode(page, 'TypeScript', 'createOutlast')
  const script = await shownCode(page, 'Python', 'urlopen')
  for (const code of [shell, program, script]) {
    assert.ok(code.includes(server.url) && code.includes(agent.id), code)
    assert.match(code, /OUTLAST_API_KEY/)
    assert.doesNotMatch(code, /evr_/)
  }
  const env = { OUTLAST_API_KEY: key }
  const printed = await run(t, ['bash', '-c', shell], 'event: turn.completed', env)
  assert.match(printed, /You said “Hello!”/)
  const reply = await run(t, [process.execPath, ...node, program], '\0', env)
  assert.match(reply, /You said “Hello!”/)
  const refused = await run(t, ['bash', '-c', shell], '\0', { OUTLAST_API_KEY: 'wrong' })
  assert.doesNotMatch(refused, /turn\.completed/)
})

test('without authentication the code needs no key', async (t) => {
  const server = await startServer(t)
  const agent = await createAgent(server)
  const browser = await startBrowser(t)
  const { page, complaints } = await openTab(
    await openProfile(t, browser),
    `${server.url}/agents/${agent.id}`,
  )
  const sides = page.getByRole('navigation', { name: 'Side panel' })
  await sides.getByRole('link', { name: 'Code' }).click()
  const shell = await shownCode(page, 'curl', 'curl -sS')
  assert.doesNotMatch(shell, /KEY|Authorization/)
  assert.match(await run(t, ['bash', '-c', shell], 'event: turn.completed'), /You said “Hello!”/)
  assert.deepEqual(complaints, [])
})
