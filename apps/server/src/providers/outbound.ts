import { lookup } from 'node:dns'
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/** Hosts that stand in nobody's network but ours: this machine, private ranges, the cloud's metadata. */
function isPrivateAddress(address: string): boolean {
  return !ipaddr.isValid(address) || ipaddr.process(address).range() !== 'unicast'
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

const refusal = (host: string) =>
  new Error(`${host} is not a public address, and PRIVATE_HOSTS_ALLOWED does not name it.`)

let made: Promise<typeof fetch> | undefined

/**
 * A `fetch` for addresses that users of the API name: it reaches the public internet and the hosts that are allowed, by
 * whatever name, redirect or second look-up it is led elsewhere.
 */
export function publicFetch(allowed: readonly string[]): Promise<typeof fetch> {
  made ??= makeFetch(new Set(allowed))
  return made
}

async function makeFetch(allowed: ReadonlySet<string>): Promise<typeof fetch> {
  const { Agent, buildConnector, fetch: undiciFetch } = await import('undici')
  const connectPublic = buildConnector({ lookup: lookupPublic as never })
  const connectAny = buildConnector({})
  const dispatcher = new Agent({
    connect(options, connected) {
      const host = options.hostname.replace(/^\[|\]$/g, '')
      if (allowed.has(host.toLowerCase())) return connectAny(options, connected)
      if (isIP(host) > 0 && isPrivateAddress(host)) return connected(refusal(host), null)
      connectPublic(options, connected)
    },
  })
  return ((input: string, init: object) => undiciFetch(input, { ...init, dispatcher })) as never
}
