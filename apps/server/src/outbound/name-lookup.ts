import { Resolver } from 'node:dns/promises'

export type ResolvedAddress = { address: string; family: number }

/** Finds the addresses of a name. Contract: rejects with `ENOTFOUND` or `EAI_AGAIN`. */
export type NameLookup = (host: string) => Promise<ResolvedAddress[]>

/** Time for the first request to a name server in ms, and the number of requests. */
const limits = { timeout: 2_000, tries: 2 }

/**
 * Looks up names that users enter, at the name servers of the system or at `servers`.
 * Contract: a name whose server does not answer delays no other name. The lookup of the system
 * would: it blocks one of the two threads that all lookups of this process share.
 */
export function createNameLookup(servers?: readonly string[]): NameLookup {
  const running = new Map<string, Promise<ResolvedAddress[]>>()
  return (host) => {
    const found = running.get(host) ?? resolve(host, servers).finally(() => running.delete(host))
    running.set(host, found)
    return found
  }
}

async function resolve(
  host: string,
  servers: readonly string[] | undefined,
): Promise<ResolvedAddress[]> {
  // A new one reads the name servers of the system, which a change of the network replaces.
  const resolver = new Resolver(limits)
  if (servers) resolver.setServers(servers)
  const both = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
  const found = both.flatMap((one, index) =>
    one.status === 'rejected'
      ? []
      : one.value.map((address) => ({ address, family: index === 0 ? 4 : 6 })),
  )
  if (found.length > 0) return found
  const isUnknown = both.every((one) => one.status === 'rejected' && isAbsent(one.reason))
  const code = isUnknown ? 'ENOTFOUND' : 'EAI_AGAIN'
  throw Object.assign(new Error(`${host} has no address.`), { code })
}

/** True if the name server answered that the name or its addresses do not exist. */
const isAbsent = ({ code }: NodeJS.ErrnoException) =>
  code === 'ENOTFOUND' || code === 'ENODATA' || code === 'EBADNAME'
