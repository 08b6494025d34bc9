import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Config } from '../config.ts'
import type { SignedInSockets } from './principal.ts'
import { refuseConnection } from './problems.ts'

/**
 * Lets no address hold more than some connections on which nobody has signed in. Those of callers who have are not
 * counted: one address may be a product's server with thousands of streams.
 */
export function limitConnections(server: Server, config: Config): SignedInSockets {
  const { CONNECTIONS_PER_ADDRESS: most, AUTH_MODE: mode } = config
  if (most === 0 || mode === 'none') return { add() {} }
  const strangers = new Map<string, number>()
  const counted = new WeakMap<Socket, string>()

  function release(socket: Socket) {
    const address = counted.get(socket)
    if (address === undefined) return
    counted.delete(socket)
    const left = strangers.get(address)! - 1
    if (left === 0) strangers.delete(address)
    else strangers.set(address, left)
  }

  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? ''
    const count = strangers.get(address) ?? 0
    if (count >= most) {
      // Reads nothing, so that a client that still sends gets the answer before the reset.
      refuseConnection(socket, 'too_many_connections')
      setTimeout(() => socket.destroy(), 1_000).unref()
      return
    }
    strangers.set(address, count + 1)
    counted.set(socket, address)
    socket.once('close', () => release(socket))
  })
  return { add: release }
}
