import { connect } from 'node:net'
import { test } from 'node:test'
import { startGuarded } from '../../../test/access.ts'
import { eventually } from '../../../test/waiting.ts'

test('ends a response that its client does not read', async (t) => {
  const env = { SSE_STALL_MS: '100', CONNECTIONS_PER_ADDRESS: '1' }
  const server = await startGuarded(t, { env })
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  // Nothing reads from this socket. One response could fit into the buffers of the system.
  socket.write('GET /docs/scalar.js HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(10))
  await eventually(async () => socket.bytesRead > 0)
  const isAdmitted = () =>
    fetch(`${server.url}/health`).then(
      ({ status }) => status === 200,
      () => false,
    )
  await eventually(isAdmitted)
})
