/** Readers of settings and their defaults. Each `read` throws a message with the required form. */

import { isIP } from 'node:net'
import { isMasterKey } from '../secrets.ts'
import { type Host, parseHost } from './host.ts'
import { problemOfPostgresUrl } from './postgres-hosts.ts'
import { type PrivateHost, readPrivateHost } from './private-hosts.ts'

/** An environment variable: its description, its default as text, and its reader. */
export type Setting<T> = {
  about: string
  shown: string
  secret?: true
  read: (text: string | undefined) => T
}

export const wholeNumber = (fallback: number, min: number, max: number) => ({
  shown: String(fallback),
  read(text: string | undefined) {
    if (text === undefined) return fallback
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= min && value <= max) return value
    throw new Error(`must be a whole number from ${min} to ${max}, not "${text}"`)
  },
})

export const choice = <const T extends readonly string[]>(fallback: T[number], values: T) => ({
  shown: fallback,
  read(text: string | undefined): T[number] {
    if (text === undefined) return fallback
    if (values.includes(text)) return text
    throw new Error(`must be one of ${values.join(', ')}, not "${text}"`)
  },
})

export const flag = () => ({
  shown: 'false',
  read(text: string | undefined) {
    if (text === undefined || text === 'false' || text === '0') return false
    if (text === 'true' || text === '1') return true
    throw new Error(`must be true or false, not "${text}"`)
  },
})

export const text = (fallback: string) => ({
  shown: fallback,
  read: (value: string | undefined) => value ?? fallback,
})

export const optionalText = () => ({ shown: '', read: (value: string | undefined) => value })

export const httpUrl = () => ({
  shown: '',
  read(value: string | undefined) {
    if (value === undefined) return undefined
    if (/^https?:\/\/[^/]/.test(value) && URL.canParse(value)) return value.replace(/\/+$/, '')
    throw new Error('must be a URL that begins with https:// or http://')
  },
})

export const words = () => ({
  shown: '',
  read: (value: string | undefined) =>
    (value ?? '')
      .split(',')
      .map((word) => word.trim().toLowerCase())
      .filter((word) => word !== ''),
})

export const privateHosts = () => ({
  shown: '',
  read: (value: string | undefined): PrivateHost[] => words().read(value).map(readPrivateHost),
})

export const postgresUrl = () => ({
  shown: '',
  read(value: string | undefined) {
    if (value === undefined) return undefined
    const problem = problemOfPostgresUrl(value)
    if (problem) throw new Error(problem)
    return value
  },
})

export const redisUrl = () => ({
  shown: '',
  read(value: string | undefined) {
    if (value === undefined) return undefined
    if (/^rediss?:\/\/[^/]/.test(value) && URL.canParse(value)) return value
    throw new Error('must be a URL that begins with redis:// or rediss://')
  },
})

const masterKeyForm = 'kek-v1:<32 bytes in base64>'

export const masterKey = () => ({
  shown: '',
  secret: true as const,
  read(value: string | undefined) {
    if (value === undefined || isMasterKey(value)) return value
    throw new Error(`must look like ${masterKeyForm}`)
  },
})

export const masterKeys = () => ({
  shown: '',
  secret: true as const,
  read(value: string | undefined) {
    const list = (value ?? '').split(',').map((key) => key.trim())
    const named = list.filter((key) => key !== '')
    if (named.every(isMasterKey)) return named
    throw new Error(`must list keys that look like ${masterKeyForm}, separated by commas`)
  },
})

export const origins = () => ({
  shown: '',
  read(value: string | undefined) {
    const list = (value ?? '').split(',').map((origin) => origin.trim())
    const named = list.filter((origin) => origin !== '')
    for (const origin of named) {
      const good = URL.canParse(origin) && new URL(origin).origin === origin
      if (!good)
        throw new Error(`must list origins such as https://app.example.com, not "${origin}"`)
    }
    return named
  },
})

/** Host names with an optional port, as in `agents.example.com` or `10.0.0.5:9000`. */
export const hosts = () => ({
  shown: '',
  read(text: string | undefined): Host[] {
    const { read } = words()
    return read(text).map((one) => {
      const host = parseHost(one)
      if (host !== undefined) return host
      throw new Error(`must list hosts such as agents.example.com or 10.0.0.5:9000, not "${one}"`)
    })
  },
})

const networkNames = new Set(['loopback', 'linklocal', 'uniquelocal'])
const bitsMax: Record<number, number> = { 4: 32, 6: 128 }

function isNetwork(text: string): boolean {
  if (networkNames.has(text)) return true
  const [, address = '', bits = '0'] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  return Number(bits) <= (bitsMax[isIP(address)] ?? -1)
}

/** IP addresses and networks like `10.0.0.0/8`; `loopback`, `linklocal`, `uniquelocal` by name. */
export const networks = () => ({
  shown: '',
  read(text: string | undefined) {
    const { read } = words()
    const list = read(text)
    const wrong = list.find((one) => !isNetwork(one))
    if (wrong === undefined) return list
    throw new Error(`must be addresses or networks, such as 10.0.0.0/8, not "${wrong}"`)
  },
})

export const secretText = (lengthMin: number) => ({
  shown: '',
  secret: true as const,
  read(value: string | undefined) {
    if (value === undefined || value.length >= lengthMin) return value
    throw new Error(`must have ${lengthMin} characters or more`)
  },
})

/** Parses `name=value` pairs in OpenTelemetry's form, with percent-encoded special characters. */
export const keyValues = ({ secret }: { secret?: true }) => ({
  shown: '',
  ...(secret && { secret }),
  read(value: string | undefined): Record<string, string> {
    const pairs = (value ?? '').split(',').filter((pair) => pair.trim() !== '')
    return Object.fromEntries(pairs.map(readPair))
  },
})

function readPair(pair: string): [name: string, value: string] {
  const [, name, value] = /^\s*([\w.-]+)\s*=\s*(.*?)\s*$/.exec(pair) ?? []
  try {
    if (name !== undefined && value !== undefined) return [name, decodeURIComponent(value)]
  } catch {
    // An undecodable pair is as invalid as one without a name. The message omits it: it may be a
    // secret.
  }
  throw new Error('must list name=value pairs, separated by commas')
}

/** A list of words, empty for `none`. */
export const someOf = <const T extends string>(fallback: T[], values: readonly T[]) => ({
  shown: fallback.join(','),
  read(text: string | undefined): T[] {
    if (text === undefined) return fallback
    const { read } = words()
    const list = read(text).filter((word) => word !== 'none')
    const wrong = list.find((word) => !(values as readonly string[]).includes(word))
    if (wrong === undefined) return list as T[]
    throw new Error(`must list ${values.join(', ')}, or be none, not "${wrong}"`)
  },
})
