import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { startProxy } from './proxy.ts'

test('a slow proxy delivers all data in order, also while it sends the data that it held back', async (t) => {
  const database = createServer()
  database.listen(0, '127.0.0.1')
  await once(database, 'listening')
  const { port } = database.address() as AddressInfo
  const proxy = await startProxy({ host: '127.0.0.1', port })
  const accepted = once(database, 'connection') as Promise<[Socket]>
  const client = connect(proxy.port, '127.0.0.1').setEncoding('utf8')
  const [server] = await accepted
  t.after(async () => {
    client.destroy()
    await proxy.close()
    database.close()
  })
  let received = ''
  client.on('data', (text) => {
    received += text
  })
  const until = async (text: string) => {
    while (received.length < text.length) await once(client, 'data')
    assert.equal(received, text)
  }
  /** Resolves when the proxy has read the text: client and proxy share this process. */
  const send = async (text: string) => {
    await new Promise((resolve) => server.write(text, resolve))
    for (let turns = 0; turns < 3; turns += 1) await nextTurn()
  }

  proxy.slow()
  assert.equal(proxy.passes(), true)
  for (const letter of 'abc') await send(letter)
  await until('abc')
  await send('d')
  proxy.pass()
  await send('e')
  await until('abcde')
})
