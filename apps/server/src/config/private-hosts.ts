import { isIP } from 'node:net'

/**
 * The purposes for which the server fetches addresses named by users. `web_fetch` includes `curl`
 * in `virtual_bash`.
 */
const purposes = ['provider', 'mcp', 'web_fetch', 'image', 'webhook', 'identity'] as const
export type Purpose = (typeof purposes)[number]

/** One entry of PRIVATE_HOSTS_ALLOWED. Undefined: every purpose, every port. */
export type PrivateHost = {
  /** The unparsed entry. */
  text: string
  purpose: Purpose | undefined
  host: string
  port: number | undefined
  /** `default`: the default organization only. `*`: every organization. Else the id of one. */
  organization: string
}

const shape =
  /^(?:([a-z_]+)=)?(\[[0-9a-f:.]+\]|[^\s[\]:@=/]+|[0-9a-f:]*:[0-9a-f:.]*:[0-9a-f:.]*?)(?::(\d{1,5}))?(?:@(\*|org_[0-9a-f]{32}))?$/
const portMax = 65_535

/** Parses `[purpose=]host[:port][@organization]`. Contract: throws a message about the setting. */
export function readPrivateHost(text: string): PrivateHost {
  const [, purpose, address = '', port, organization = 'default'] = shape.exec(text) ?? []
  const host = address.replace(/^\[|\]$/g, '').toLowerCase()
  const isKnown = purpose === undefined || (purposes as readonly string[]).includes(purpose)
  const isAddress = host.includes(':') ? isIP(host) === 6 : /^[^*]+$/.test(host)
  const isPort = port === undefined || (Number(port) > 0 && Number(port) <= portMax)
  if (!isKnown || !isAddress || !isPort) {
    throw new Error(
      `must list entries such as mcp=127.0.0.1:3001, with a purpose of ${purposes.join(', ')}, not "${text}"`,
    )
  }
  return {
    text,
    purpose: purpose as Purpose | undefined,
    host,
    port: port === undefined ? undefined : Number(port),
    organization,
  }
}

/** True for an entry without a port or without a purpose. */
export const isBroad = ({ purpose, port }: PrivateHost) =>
  purpose === undefined || port === undefined
