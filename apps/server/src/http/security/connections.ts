import type { Server } from 'node:http'
import { BlockList, isIP, type Socket } from 'node:net'
import { networkOf } from '../../access/address.ts'
import type { Config } from '../../config.ts'
import { refuseConnection } from '../core/problems.ts'
import type { SignedInSockets } from './principal.ts'

/**
 * Limits the unauthenticated connections of an address. Authenticated connections do not count:
 * one address may be a product's server with thousands of streams. Connections of trusted proxies
 * do not count, because all clients share them.
 */
export function limitConnections(server: Server, config: Config): SignedInSockets {
  const { CONNECTIONS_PER_ADDRESS: most, AUTH_MODE: mode } = config
  if (most === 0 || mode === 'none') return { add() {} }
  const strangers = new Map<string, number>()
  const counted = new WeakMap<Socket, string>()
  const proxies = networksOf(config.TRUST_PROXY)

  function release(socket: Socket) {
    const address = counted.get(socket)
    if (address === undefined) return
    counted.delete(socket)
    const left = strangers.get(address)! - 1
    if (left === 0) strangers.delete(address)
    else strangers.set(address, left)
  }

  server.on('connection', (socket: Socket) => {
    const ip = socket.remoteAddress ?? ''
    if (proxies.check(ip, isIP(ip) === 6 ? 'ipv6' : 'ipv4')) return
    const address = networkOf(ip)
    const count = strangers.get(address) ?? 0
    if (count >= most) {
      refuseConnection(socket, 'too_many_connections')
      return
    }
    strangers.set(address, count + 1)
    counted.set(socket, address)
    socket.once('close', () => release(socket))
  })
  return { add: release }
}

/** Names of networks in a list of proxies, as the framework defines them. */
const named: Record<string, string[]> = {
  loopback: ['127.0.0.1/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
}

function networksOf(words: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of words.flatMap((word) => named[word] ?? word)) {
    const [address = '', bits] = network.split('/')
    const isIPv6 = isIP(address) === 6
    list.addSubnet(address, Number(bits ?? (isIPv6 ? 128 : 32)), isIPv6 ? 'ipv6' : 'ipv4')
  }
  return list
}
