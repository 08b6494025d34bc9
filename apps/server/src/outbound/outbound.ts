import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { NetworkAccess } from '@outlast/contract'
import type { Dispatcher } from 'undici'
import type { PrivateHost, Purpose } from '../config/private-hosts.ts'
import { defaultOrganization } from '../store/models/seeds.ts'
import { createNameLookup, type NameLookup, type ResolvedAddress } from './name-lookup.ts'
import { accessRefusal, permits } from './network-access.ts'
import { isOwnService, type OwnService } from './own-services.ts'
import { isPrivateAddress, isPrivateHost, plainHostname } from './private-address.ts'

/** The organization and purpose of a fetch, and the network access of its agent and session. */
export type OutboundCaller = { orgId: string; purpose: Purpose; access?: readonly NetworkAccess[] }

/** The entries of PRIVATE_HOSTS_ALLOWED that apply to a caller. */
const allowedFor = (all: readonly PrivateHost[], { orgId, purpose }: OutboundCaller) =>
  all.filter(
    (entry) =>
      (entry.purpose === undefined || entry.purpose === purpose) &&
      (entry.organization === '*' ||
        entry.organization === orgId ||
        (entry.organization === 'default' && orgId === defaultOrganization)),
  )

const portOf = ({ protocol, port }: Pick<URL, 'protocol' | 'port'>) =>
  Number(port) || (protocol === 'https:' ? 443 : 80)

const opens = (entries: readonly PrivateHost[], host: string, port: number) =>
  entries.some((entry) => entry.host === host && (entry.port ?? port) === port)

/** True for a URL that a caller may not use, as far as this is known without a lookup. */
export function isRefused(all: readonly PrivateHost[], caller: OutboundCaller, url: URL): boolean {
  const host = plainHostname(url.hostname)
  return isPrivateHost(host) && !opens(allowedFor(all, caller), host, portOf(url))
}

/** Explains in an error of a field how an operator opens a private address. */
export function refusalAdvice({ orgId, purpose }: OutboundCaller, url: URL): string {
  const organization = orgId === defaultOrganization ? '' : `@${orgId}`
  const entry = `${purpose}=${url.hostname}:${portOf(url)}${organization}`
  return `must be a public address, unless PRIVATE_HOSTS_ALLOWED of the server has ${entry}`
}

type LookupCallback = (error: Error | null, addresses?: ResolvedAddress[]) => void

/** Error code of a connection to a private address. */
export const privateHostCode = 'ERR_PRIVATE_HOST'

const privateHostError = (message: string) =>
  Object.assign(new Error(message), { code: privateHostCode })

const notAllowed = (host: string) =>
  privateHostError(`${host} is not a public address, and PRIVATE_HOSTS_ALLOWED does not list it.`)
const ownService = (host: string, port: number) =>
  privateHostError(`${host}:${port} is this server or its database, which no setting opens.`)

/** Operators get the reason of a failure; all other callers get this text. */
const veiled = (host: string) =>
  privateHostError(`${host} is not a public address, or does not respond.`)

export type Outbound = {
  /**
   * Returns a `fetch` for addresses that users enter. It reaches the public internet and the
   * private addresses that are allowed to the caller.
   * Contract: redirects, DNS names and repeated lookups reach nothing else, and never this server's
   * own services.
   */
  reach: (caller: OutboundCaller) => typeof fetch
  /** Adds a service that no address may reach. */
  protect: (service: OwnService) => void
}

/** `nameServers` replace those of the system. */
export function createOutbound(
  all: readonly PrivateHost[],
  known: OwnService[],
  nameServers?: readonly string[],
): Outbound {
  const services = [...known]
  const names = createNameLookup(nameServers)
  /** Callers share connections only when the same addresses are allowed to them. */
  const made = new Map<string, Promise<DispatchingFetch>>()
  return {
    protect: (service) => void services.push(service),
    reach(caller) {
      const entries = allowedFor(all, caller)
      const key = entries.map(({ host, port }) => `${host} ${port ?? '*'}`).join()
      const shared = made.get(key) ?? makeFetch(entries, { services, names })
      made.set(key, shared)
      const { access = [] } = caller
      const fetching = access.length === 0 ? shared : shared.then((fetch) => limited(fetch, access))
      if (caller.orgId === defaultOrganization) {
        return async (input, init) => (await fetching)(input, init)
      }
      return (input, init) => fetchVeiled(fetching, entries, input, init)
    },
  }
}

/**
 * Throws one error for private addresses that are refused, closed or unreachable: no port scans.
 */
async function fetchVeiled(
  fetching: Promise<DispatchingFetch>,
  entries: readonly PrivateHost[],
  ...[input, init]: Parameters<typeof fetch>
): Promise<Response> {
  try {
    return await (await fetching)(input, init)
  } catch (error) {
    init?.signal?.throwIfAborted()
    const host = plainHostname(URL.parse(String(input))?.hostname ?? '')
    const { code } = ((error as Error).cause ?? {}) as { code?: string }
    const isPrivate = isPrivateHost(host) || entries.some((entry) => entry.host === host)
    if (!isPrivate && code !== privateHostCode) throw error
    throw new TypeError('fetch failed', { cause: veiled(host) })
  }
}

/** Without the time limits of undici, 300 s: all callers have their own, which may be longer. */
const endless = { headersTimeout: 0, bodyTimeout: 0 }

/** Fetches any address, with the dispatcher of the process. */
export async function fetchAnywhere(...[input, init]: Parameters<typeof fetch>) {
  const { fetch: undiciFetch, getGlobalDispatcher } = await import('undici')
  const dispatcher = getGlobalDispatcher().compose(
    (dispatch) => (options, handler) => dispatch({ ...options, ...endless }, handler),
  )
  return (await undiciFetch(input as string, { ...(init as object), dispatcher })) as never
}

/** A fetch whose requests and redirects pass through `wrap`, if given. */
type DispatchingFetch = (
  input: Parameters<typeof fetch>[0],
  init?: Parameters<typeof fetch>[1],
  wrap?: Dispatcher.DispatcherComposeInterceptor,
) => Promise<Response>

/** Refuses each request and redirect that the network access does not permit, before any lookup. */
function limited(fetching: DispatchingFetch, access: readonly NetworkAccess[]): DispatchingFetch {
  const wrap: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) => {
    // Not `new URL(path, origin)`: a path that begins with `//` would replace the host.
    const url = new URL(String(options.origin) + options.path)
    if (!permits(access, url)) throw accessRefusal(url)
    return dispatch(options, handler)
  }
  return (input, init) => fetching(input, init, wrap)
}

/** The names that an operator allows may be known to this machine only. */
const systemNames: NameLookup = (host) => lookup(host, { all: true })

async function makeFetch(
  entries: readonly PrivateHost[],
  { services, names }: { services: readonly OwnService[]; names: NameLookup },
): Promise<DispatchingFetch> {
  const { Agent, buildConnector, fetch: undiciFetch } = await import('undici')
  const connectors = new Map<string, ReturnType<typeof buildConnector>>()
  /** A connector whose lookup checks its result: the checked address is the connected one. */
  const connectorFor = (check: Check, resolve: NameLookup, key: string) => {
    const lookup = (host: string, _: unknown, found: LookupCallback) =>
      void checkedAddresses(host, resolve, check).then((all) => found(null, all), found)
    const connector = connectors.get(key) ?? buildConnector({ lookup: lookup as never })
    connectors.set(key, connector)
    return connector
  }
  const dispatcher = new Agent({
    ...endless,
    connect(options, connected) {
      const host = plainHostname(options.hostname)
      const port = portOf(options)
      const isOpen = opens(entries, host, port)
      if (!isOpen && isPrivateHost(host)) return connected(notAllowed(host), null)
      const isReserved = services.some((service) => service.port === port)
      const check: Check = async (name, addresses) => {
        if (!isOpen && addresses.some(isPrivateAddress)) return notAllowed(name)
        const isOwn = isReserved && (await isOwnService(services, addresses, port))
        return isOwn ? ownService(name, port) : undefined
      }
      const resolve = isOpen ? systemNames : names
      const connector = connectorFor(check, resolve, `${isOpen} ${isReserved && port}`)
      if (isIP(host) === 0) return connector(options, connected)
      check(host, [host]).then((problem) =>
        problem ? connected(problem, null) : connector(options, connected),
      )
    },
  })
  return (async (input: string, init: object, wrap) =>
    undiciFetch(input, {
      ...init,
      dispatcher: wrap ? dispatcher.compose(wrap) : dispatcher,
    })) as DispatchingFetch as never
}

/** Returns the error of a host's addresses; undefined when a connection is allowed. */
type Check = (host: string, addresses: readonly string[]) => Promise<Error | undefined>

/** Contract: rejects with the error of the lookup or of the check. */
async function checkedAddresses(host: string, resolve: NameLookup, check: Check) {
  const found = await resolve(host)
  const plain = found.map(({ address }) => address)
  const problem = await check(host, plain)
  if (problem) throw problem
  return found
}
