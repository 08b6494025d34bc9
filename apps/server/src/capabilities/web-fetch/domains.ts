import { Type } from 'typebox'
import Format from 'typebox/format'

const form = /^(\*\.)?([^\s/:@?#\\*[\]]+|\[[0-9a-f:.]+\])$/i

/** The host of an entry in the form of a URL: lowercase, punycode, without a final dot. */
const hostOf = (entry: string) =>
  plainHost(new URL(`http://${entry.replace(/^\*\./, '')}`).hostname)

/** The host of a URL without a final dot. */
export const plainHost = (host: string) => host.replace(/\.$/, '')

/** True for a host with or without a `*.` prefix. */
function isDomain(entry: string): boolean {
  return form.test(entry) && URL.canParse(`http://${entry.replace(/^\*\./, '')}`)
}

Format.Set('domain', isDomain)

/** True when the first entry covers every host of the second. Contract: pure; never throws. */
export function coversHost(entry: string, other: string): boolean {
  const [named, wanted] = [namedHost(entry), namedHost(other)]
  if (!entry.startsWith('*.')) return !other.startsWith('*.') && named === wanted
  return wanted.endsWith(`.${named}`) || (other.startsWith('*.') && named === wanted)
}

/** The host of an entry, or its text if it is not a host. */
const namedHost = (entry: string) => (isDomain(entry) ? hostOf(entry) : entry.toLowerCase())

/** A list of hosts; `*.example.com` covers every host below example.com, but not example.com. */
export const Domains = (description: string) =>
  Type.Array(Type.String({ format: 'domain', maxLength: 260, examples: ['*.example.com'] }), {
    minItems: 1,
    maxItems: 200,
    description,
  })

/** True when an entry covers the host. */
export function matchesDomain(host: string, entries: readonly string[]): boolean {
  return entries.some((entry) => {
    const named = hostOf(entry)
    return entry.startsWith('*.') ? host.endsWith(`.${named}`) : host === named
  })
}
