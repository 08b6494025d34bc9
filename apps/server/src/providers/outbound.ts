import { lookup } from 'node:dns'
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/** Azure's own services for a machine: an address that looks public, and is answered by the network around us. */
const azurePlatform = '168.63.129.16'

/** Hosts that stand in nobody's network but ours: this machine, private ranges, the cloud's metadata. */
function isPrivateAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return true
  const plain = ipaddr.process(address)
  if (plain.range() !== 'unicast' || plain.toString() === azurePlatform) return true
  // Of version 6 the world has given out 2000::/3 alone; elsewhere a network may translate to what it likes.
  return plain.kind() === 'ipv6' && plain.toByteArray()[0]! >> 5 !== 1
}

/** True for a host that is plainly not on the public internet, before anybody is asked what its name means. */
export function isPrivateHost(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  if (isIP(name) > 0) return isPrivateAddress(name)
  return name === 'localhost' || name.endsWith('.localhost') || !name.includes('.')
}

type Address = { address: string; family: number }
type Found = (error: Error | null, addresses?: Address[]) => void

/** Resolves a name, and fails when it means an address that is not public: what was looked at is what is connected to. */
function lookupPublic(host: string, _options: unknown, found: Found): void {
  lookup(host, { all: true }, (error, addresses) => {
    if (error) return found(error)
    const inside = addresses.find(({ address }) => isPrivateAddress(address))
    if (inside) return found(refusal(host))
    found(null, addresses)
  })
}

/** The code of the error with which a connection to what is not public fails. */
export const privateHostCode = 'ERR_PRIVATE_HOST'

function refusal(host: string): Error {
  const message = `${host} is not a public address, and PRIVATE_HOSTS_ALLOWED does not name it.`
  return Object.assign(new Error(message), { code: privateHostCode })
}

const made = new Map<string, Promise<typeof fetch>>()

/**
 * A `fetch` for addresses that users of the API name: it reaches the public internet and the hosts that are allowed, by
 * whatever name, redirect or second look-up it is led elsewhere.
 */
export function publicFetch(allowed: readonly string[]): Promise<typeof fetch> {
  const key = allowed.join()
  const known = made.get(key) ?? makeFetch(new Set(allowed.map((host) => host.toLowerCase())))
  made.set(key, known)
  return known
}

async function makeFetch(allowed: ReadonlySet<string>): Promise<typeof fetch> {
  const { Agent, buildConnector, fetch: undiciFetch } = await import('undici')
  const connectPublic = buildConnector({ lookup: lookupPublic as never })
  const connectAny = buildConnector({})
  const dispatcher = new Agent({
    connect(options, connected) {
      const host = options.hostname.replace(/^\[|\]$/g, '')
      if (allowed.has(host.toLowerCase())) return connectAny(options, connected)
      if (isPrivateHost(host)) return connected(refusal(host), null)
      connectPublic(options, connected)
    },
  })
  return ((input: string, init: object) => undiciFetch(input, { ...init, dispatcher })) as never
}
