import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser } from 'playwright-core'
import { expectStatus } from '../../../apps/server/test/access.ts'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { pngOf, pngOfBytes } from '../../../apps/server/test/pictures.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import { createSession, dataOf, eventsOf } from '../../../apps/server/test/session.ts'
import { eventually, startBrowser } from '../../browser/browser.ts'
import { openSession } from '../opening.ts'

let browser: Browser
let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  browser = await startBrowser(t)
  server = await startServer(t as never)
})

const mebibyte = 1024 * 1024

test('uploads images that do not fit into the message, and shows them and their deletion', async (t) => {
  const { id } = await createSession(server)
  const { page, log, complaints } = await openSession(t, browser, { url: server.url, id })
  const attached = page.getByLabel('Attachments')
  const file = (name: string, buffer: Buffer) => ({ name, mimeType: 'image/png', buffer })
  await page
    .locator('input[type=file]')
    .setInputFiles([file('large.png', pngOfBytes(6 * mebibyte)), file('small.png', pngOf(9, 9))])
  await attached.locator('.ready', { hasText: 'large.png' }).waitFor()
  await attached.locator('.ready', { hasText: 'small.png' }).waitFor()
  await page.getByLabel('Message', { exact: true }).fill('Two pictures')
  await page.getByRole('button', { name: 'Send', exact: true }).click()
  const shown = log.getByRole('img', { name: 'large.png' })
  await shown.waitFor()
  const widthOf = `document.querySelector('img[alt="large.png"]')?.naturalWidth`
  await eventually(async () => assert.equal(await page.evaluate(widthOf), 1))
  // Its picture is also shown before the server has the message.
  await log.locator('.outgoing').waitFor({ state: 'detached' })
  const sent = dataOf(await eventsOf(server, id), 'input.message').message.content
  assert.deepEqual(
    sent.map(({ type }) => type),
    ['text', 'image_file', 'image'],
  )
  assert.deepEqual(complaints, [])
  const [image] = expectStatus(await server.call('GET', '/v1/images'), 200)
  expectStatus(await server.call('DELETE', `/v1/images/${image.id}`), 204)
  // This browser has cached the image, which never changes.
  const other = await openSession(t, browser, { url: server.url, id })
  await other.log.getByText('large.png was deleted').waitFor()
})
