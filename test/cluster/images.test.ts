import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectStatus } from '../../apps/server/test/access.ts'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { formOf, pngOf } from '../../apps/server/test/pictures.ts'
import { addVendorModel, startVendor } from '../../apps/server/test/remotes/vendor.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createSession } from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { startProcess } from '../process.ts'

test('a node that takes over a turn after kill -9 sends the uploaded image again', async (t) => {
  const first = Promise.withResolvers<void>()
  const vendor = await startVendor(t, ({ number }) => {
    if (number > 1) return { text: 'Seen.' }
    first.resolve()
    // The node is killed while it waits for this response.
    return () => {}
  })
  const env = { PRIVATE_HOSTS_ALLOWED: '127.0.0.1' }
  const databaseUrl = await createTestDatabase(t)
  const one = await startProcess({ ...env, DATABASE_URL: databaseUrl })
  t.after(() => one.crash())
  await addVendorModel(one, vendor)
  const { id } = await createSession(one)
  const png = pngOf(3, 3)
  const image = expectStatus(await one.call('POST', '/v1/images', formOf(png)), 201)
  const message = { content: [{ type: 'image_file', image_id: image.id }] }
  expectStatus(await one.call('POST', `/v1/sessions/${id}/messages`, { message }), 201)
  await first.promise
  const two = await startServer(t, { databaseUrl, env })
  const stream = await follow(t, two.url, { sessionId: id })
  await one.crash()
  await stream.event('session.idled')
  assert.equal(vendor.requests.length, 2)
  for (const { body } of vendor.requests) {
    assert.ok(JSON.stringify(body.messages).includes(png.toString('base64')))
  }
})
