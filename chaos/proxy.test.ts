import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { test } from 'node:test'
import { startProxy } from './proxy.ts'

test('a slow proxy delivers everything in order, and what it holds back when it passes again', async (t) => {
  const echo = createServer((socket) => socket.on('error', () => {}).pipe(socket))
  echo.listen(0, '127.0.0.1')
  await once(echo, 'listening')
  const { port } = echo.address() as AddressInfo
  const proxy = await startProxy({ host: '127.0.0.1', port })
  const client = connect(proxy.port, '127.0.0.1').setEncoding('utf8')
  t.after(async () => {
    client.destroy()
    await proxy.close()
    echo.close()
  })
  let received = ''
  client.on('data', (text) => {
    received += text
  })
  const until = async (text: string) => {
    while (received !== text) await once(client, 'data')
  }
  proxy.slow()
  assert.equal(proxy.passes(), true)
  client.write('a')
  await until('a')
  for (const letter of 'bcd') client.write(letter)
  await until('abcd')
  client.write('e')
  proxy.pass()
  client.write('f')
  await until('abcdef')
})
