import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import ipaddr from 'ipaddr.js'

/** Azure's platform services: an address that looks public but is local to its network. */
const azurePlatform = '168.63.129.16'

/** True for an address off the public internet: this machine, private ranges, cloud metadata. */
export function isPrivateAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return true
  const plain = ipaddr.process(address)
  if (plain.range() !== 'unicast' || plain.toString() === azurePlatform) return true
  // Only 2000::/3 is public in IPv6; a network may translate all other addresses.
  return plain.kind() === 'ipv6' && plain.toByteArray()[0]! >> 5 !== 1
}

/** The host of a URL without the brackets of IPv6. */
export const plainHostname = (hostname: string) => hostname.replace(/^\[|\]$/g, '').toLowerCase()

/** True for a host that is not public, as far as its name shows without a lookup. */
export function isPrivateHost(host: string): boolean {
  const name = plainHostname(host).replace(/\.$/, '')
  if (isIP(name) > 0) return isPrivateAddress(name)
  return name === 'localhost' || name.endsWith('.localhost') || !name.includes('.')
}

/** Canonical text of an address: IPv4 inside IPv6 becomes IPv4. */
const canonical = (address: string) =>
  ipaddr.isValid(address) ? ipaddr.process(address).toString() : address

/** True for an address of this machine: loopback, unspecified, or of one of its interfaces. */
function isThisMachine(address: string): boolean {
  if (!ipaddr.isValid(address)) return false
  const plain = ipaddr.process(address)
  if (plain.range() === 'loopback' || plain.range() === 'unspecified') return true
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  return own.some((one) => canonical(one.address.split('%')[0]!) === plain.toString())
}

/** True when both addresses are known to be the same machine. */
export const isSameMachine = (one: string, other: string) =>
  canonical(one) === canonical(other) || (isThisMachine(one) && isThisMachine(other))
