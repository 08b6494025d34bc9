import { isIP } from 'node:net'

/**
 * The address of requests that arrive in this process, which have none. No network uses it.
 */
export const inProcessAddress = '0.0.0.0'

/** An address and a port, as some proxies write them into `X-Forwarded-For`. */
const withPort = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)):\d+$/i

/** Returns the IP address in a text, without its port; undefined if there is none. */
export function ipIn(text: string): string | undefined {
  const [, ipv6, ipv4] = withPort.exec(text) ?? []
  const ip = ipv6 ?? ipv4 ?? text
  return isIP(ip) === 0 ? undefined : ip
}

/**
 * Returns the part of an address that limits count by: an IPv4 address, or the /64 of an IPv6
 * address. Clients without a known address share one part.
 */
export function networkOf(ip: string | null): string {
  if (ip === null || isIP(ip) === 0) return 'unknown'
  const plain = ip.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '')
  if (!plain.includes(':')) return plain
  const [head = '', tail] = plain.split('::')
  const groups = groupsOf(head)
  const rest = groupsOf(tail ?? '')
  const zeros = Array.from({ length: 8 - groups.length - rest.length }, () => '0')
  return `${[...groups, ...zeros, ...rest].slice(0, 4).join(':')}::/64`
}

const groupsOf = (text: string) =>
  text
    .split(':')
    .filter((group) => group !== '')
    .map((group) => Number.parseInt(group, 16).toString(16))
