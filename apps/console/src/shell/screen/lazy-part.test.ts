import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { retried } from './lazy-part.ts'

test('a page that stays offline keeps one listener for the code that it waits for', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const browser = new EventTarget()
  const connection = { onLine: false }
  const page = { window: browser, navigator: connection, document: { querySelectorAll: () => [] } }
  for (const [name, value] of Object.entries(page)) {
    const before = Object.getOwnPropertyDescriptor(globalThis, name)
    Object.defineProperty(globalThis, name, { value, configurable: true })
    t.after(() => {
      if (before) Object.defineProperty(globalThis, name, before)
      else Reflect.deleteProperty(globalThis, name)
    })
  }
  let failed = Promise.withResolvers<void>()
  const load = async () => {
    failed.resolve()
    if (connection.onLine) return 'code'
    throw new Error('offline')
  }
  const loading = retried(load)()
  for (let round = 0; round < 20; round += 1) {
    await failed.promise
    failed = Promise.withResolvers()
    await new Promise(setImmediate)
    assert.equal(getEventListeners(browser, 'online').length, 1)
    t.mock.timers.tick(1_000)
  }
  await failed.promise
  await new Promise(setImmediate)
  connection.onLine = true
  browser.dispatchEvent(new Event('online'))
  assert.equal(await loading, 'code')
  assert.equal(getEventListeners(browser, 'online').length, 0)
})
