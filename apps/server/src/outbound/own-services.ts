import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Config } from '../config.ts'
import { isSameMachine, plainHostname } from './private-address.ts'

/** A service that this server depends on. No setting opens it to users' addresses. */
export type OwnService = { host: string; port: number }

const defaultPorts: Record<string, number> = { postgres: 5432, redis: 6379 }

/** The database and the Redis server of the settings. A database URL may list several hosts. */
export function servicesOf({ REDIS_URL }: Config, databaseUrl: string): OwnService[] {
  return [databaseUrl, REDIS_URL].flatMap((url) => (url ? hostsIn(url) : []))
}

function hostsIn(url: string): OwnService[] {
  const [, scheme = '', hosts = '', query = ''] =
    /^(postgres|redis)\w*:\/\/(?:[^@/]*@)?([^/?#]*)[^?]*(\?[^#]*)?/.exec(url) ?? []
  const fallback = defaultPorts[scheme]!
  const parameters = new URLSearchParams(query)
  const ports = (parameters.get('port') ?? '').split(',')
  const named = (parameters.get('host') ?? '').split(',').filter((host) => /^[^/]/.test(host))
  return [
    ...hosts.split(',').flatMap((one) => {
      const [, host = '', port] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(one) ?? []
      return host === '' ? [] : [{ host: plainHostname(host), port: Number(port ?? fallback) }]
    }),
    ...named.map((host, at) => ({
      host: plainHostname(host),
      port: Number(ports[at] || ports[0] || fallback),
    })),
  ]
}

/** True when one of the addresses at a port is a protected service, under any name. */
export async function isOwnService(
  services: readonly OwnService[],
  addresses: readonly string[],
  port: number,
): Promise<boolean> {
  for (const service of services.filter((one) => one.port === port)) {
    const own = await resolveHost(service.host)
    if (addresses.some((address) => own.some((one) => isSameMachine(address, one)))) return true
  }
  return false
}

async function resolveHost(host: string): Promise<string[]> {
  if (isIP(host) > 0) return [host]
  const found = await lookup(host, { all: true }).catch(() => [])
  return found.map(({ address }) => address)
}
