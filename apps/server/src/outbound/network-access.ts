/** Hosts that the tools of a turn may reach: an entry is a host, `*.` and a host, or has a path. */
import type { NetworkAccess } from '@outlast/contract'

/** An entry in the form of a URL: its host in punycode, and the ways to write its path. */
type Entry = { host: string; isWildcard: boolean; paths: readonly string[] }

const form = /^(\*\.)?([^\s/:@?#\\*[\]%]+|\[[0-9a-f:.]+\])(\/[^\s?#\\]*)?$/i

/** Contract: pure; undefined for a text that is no entry. */
function entryOf(text: string): Entry | undefined {
  const [, wildcard, host, path = '/'] = form.exec(text) ?? []
  const url = host === undefined ? null : URL.parse(`http://${host}${path}`)
  const named = url && hostIn(url)
  if (!named) return undefined
  return { host: named, isWildcard: wildcard !== undefined, paths: readingsOf(url.pathname) }
}

const hostIn = ({ hostname }: URL) => hostname.replace(/\.+$/, '').toLowerCase()

const decodedMax = 8

/** The ways in which servers may read a path: decoded or not, with or without resolved segments. */
function readingsOf(pathname: string): string[] {
  const readings = new Set<string>()
  let path = pathname
  for (let round = 0; round < decodedMax; round += 1) {
    readings.add(path.replace(/(?<=.)\/$/, '')).add(resolvedPath(path))
    const decoded = path.replace(/(?:%[0-9a-f]{2})+/gi, decodeEscapes)
    if (decoded === path) break
    path = decoded
  }
  return [...readings]
}

/** A path without dot segments, parameters of segments, backslashes and repeated slashes. */
function resolvedPath(path: string): string {
  const segments: string[] = []
  for (const segment of path.replaceAll('\\', '/').split('/')) {
    const name = segment.replace(/;.*$/s, '')
    if (name === '..') segments.pop()
    else if (name !== '' && name !== '.') segments.push(name)
  }
  return `/${segments.join('/')}`
}

function decodeEscapes(escapes: string): string {
  try {
    return decodeURIComponent(escapes)
  } catch {
    return Buffer.from(escapes.replaceAll('%', ''), 'hex').toString('latin1')
  }
}

const isBelow = (path: string, above: readonly string[]) =>
  above.some((one) => one === '/' || path === one || path.startsWith(`${one}/`))

const lower = (paths: readonly string[]) => paths.map((path) => path.toLowerCase())

const matchesHost = ({ host, isWildcard }: Entry, wanted: string) =>
  isWildcard ? wanted.endsWith(`.${host}`) : wanted === host

const entriesOf = (texts: readonly string[] | null | undefined) =>
  (texts ?? []).flatMap((text) => entryOf(text) ?? [])

/** Each reading of the path must be allowed, and no reading may be blocked. */
function permitsOne({ allowed, blocked }: NetworkAccess, url: URL): boolean {
  const [host, readings] = [hostIn(url), readingsOf(url.pathname)]
  const isBlocked = entriesOf(blocked).some(
    (entry) =>
      matchesHost(entry, host) &&
      lower(readings).some((reading) => isBelow(reading, lower(entry.paths))),
  )
  if (isBlocked) return false
  if (!allowed?.length) return true
  return entriesOf(allowed).some(
    (entry) =>
      matchesHost(entry, host) && readings.every((reading) => isBelow(reading, entry.paths)),
  )
}

/** True for a URL that every list permits. Contract: pure. */
export const permits = (access: readonly NetworkAccess[], url: URL): boolean =>
  access.every((one) => permitsOne(one, url))

/** A place in a list, such as `allowed/0`. */
type EntryPlace = `${'allowed' | 'blocked'}/${number}`

/** Finds a text that is no entry. */
export function oddEntry({ allowed, blocked }: NetworkAccess): EntryPlace | undefined {
  for (const [name, texts] of Object.entries({ allowed, blocked })) {
    const at = (texts ?? []).findIndex((text) => !entryOf(text))
    if (at >= 0) return `${name as 'allowed' | 'blocked'}/${at}`
  }
  return undefined
}

/** True when the first entry covers all that the second does. */
function covers(one: Entry, other: Entry): boolean {
  if (!other.paths.every((path) => isBelow(path, one.paths))) return false
  if (!one.isWildcard) return !other.isWildcard && one.host === other.host
  return matchesHost(one, other.host) || (other.isWildcard && one.host === other.host)
}

/** Finds a host that a session allows and its agent does not. */
export function widerEntry(agent: NetworkAccess, session: NetworkAccess): EntryPlace | undefined {
  if (!agent.allowed?.length) return undefined
  const known = entriesOf(agent.allowed)
  const at = entriesOf(session.allowed).findIndex(
    (entry) => !known.some((one) => covers(one, entry)),
  )
  return at < 0 ? undefined : `allowed/${at}`
}

/** Error code of a request that the network access of agent or session refuses. */
const networkAccessCode = 'ERR_NETWORK_ACCESS'

/** The error of a refused request. */
export const accessRefusal = (url: URL) =>
  Object.assign(new Error(`${url.hostname} is not in the network access of this session.`), {
    code: networkAccessCode,
  })
