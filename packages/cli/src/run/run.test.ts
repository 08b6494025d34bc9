import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../../apps/server/test/hooks.ts'
import { selfSigned } from '../../../../apps/server/test/remotes/certificate.ts'
import { startServer } from '../../../../apps/server/test/server.ts'
import { outlast } from '../../test/program.ts'

let url: string

beforeAll(async (t) => {
  ;({ url } = await startServer(t as TestContext))
})

test('prints a hint for an empty list, and an empty array for programs', async () => {
  const { code, stdout, stderr } = await outlast(['sessions', 'list', '--url', url])
  assert.deepEqual([code, stdout], [0, ''])
  assert.match(stderr, /outlast chat/)
  assert.equal((await outlast(['sessions', 'list', '--json', '--url', url])).stdout, '[]\n')
})

test('prints the mistake in a command line and exits with 2', async () => {
  for (const args of [['nothing'], ['agents', 'fly'], ['agents', 'list', '--fly'], ['-v']]) {
    const { code, stderr } = await outlast(args)
    assert.deepEqual([code, /^outlast: /.test(stderr)], [2, true], args.join(' '))
  }
})

test('exits with 3 without a server, and prints how to start one', async () => {
  const { code, stderr } = await outlast(['agents', 'list', '--url', 'http://127.0.0.1:9'])
  assert.equal(code, 3)
  assert.match(stderr, /outlast serve/)
})

test('exits with 3 without a secure connection, and prints advice', async (t) => {
  const server = createServer(selfSigned)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const untrusted = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  for (const address of [untrusted, url.replace('http:', 'https:')]) {
    const { code, stderr } = await outlast(['agents', 'list', '--url', address])
    assert.equal(code, 3)
    assert.match(stderr, /NODE_EXTRA_CA_CERTS.*--url.*outlast doctor/)
  }
})
