import { isIP } from 'node:net'

/** A Host header or a setting of the same form: `name`, `name:port` or `[IPv6]:port`. */
export type Host = {
  /** In lower case. An IPv6 address has no brackets. */
  name: string
  /** Undefined without a port. */
  port: number | undefined
}

const form = /^(?:\[([\da-f:.]+)\]|([\w.-]+))(?::(\d{0,5}))?$/i
const portMax = 65_535

/** Parses a Host header. Contract: undefined for text that is not a host with an optional port. */
export function parseHost(text: string): Host | undefined {
  const [, address, name = '', digits = ''] = form.exec(text) ?? []
  if (address === undefined ? name === '' : isIP(address) !== 6) return undefined
  const port = digits === '' ? undefined : Number(digits)
  if (port !== undefined && port > portMax) return undefined
  return { name: (address ?? name).toLowerCase(), port }
}

/**
 * True for a host that only this machine can reach: `localhost`, `::1`, or an IPv4 address of
 * 127.0.0.0/8.
 * Contract: exact. A name that only begins like an address is an ordinary domain name.
 */
export const isLoopback = (name: string): boolean =>
  name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'))

/** True for a URL whose host is loopback. */
export const isLoopbackUrl = (url: string | URL): boolean =>
  isLoopback(new URL(url).hostname.replace(/^\[(.*)\]$/, '$1'))

/** True when a list names the host, with its port or without any. */
export const listsHost = (list: readonly Host[], { name, port }: Host): boolean =>
  list.some((one) => one.name === name && (one.port === undefined || one.port === port))
