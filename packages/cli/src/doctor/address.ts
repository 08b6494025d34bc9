import { lookup } from 'node:dns/promises'
import { connect, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { type Finding, lasting, ok, warning, wrong } from './finding.ts'
import type { Visit } from './visit.ts'

const check = 'address'
const limitMs = 5_000
const certificateDaysMin = 14
const dayMs = 86_400_000

/** Checks the host name, the port and the TLS certificate. */
export async function checkAddress({ url, signal }: Visit): Promise<Finding> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const place = { host, port: Number(url.port) || (url.protocol === 'https:' ? 443 : 80) }
  const begun = performance.now()
  let address: string
  try {
    address = (await withTimeLimit(lookup(host), signal)).address
  } catch (error) {
    signal.throwIfAborted()
    return noSuchHost(host, codeOf(error))
  }
  try {
    const socket = await withTimeLimit(opened(place, url.protocol === 'https:'), signal)
    const tookMs = performance.now() - begun
    return found({ ...place, address, tookMs, expires: expiryOf(socket) })
  } catch (error) {
    signal.throwIfAborted()
    return noConnection(`${url.host}${address === host ? '' : ` (${address})`}`, error)
  }
}

type HostAndPort = { host: string; port: number }

/** Opens a connection and closes it. With TLS, the certificate is checked first. */
function opened(place: HostAndPort, isTls: boolean): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = isTls
      ? connectTls({ ...place, ...(isName(place.host) && { servername: place.host }) })
      : connect(place)
    socket.once(isTls ? 'secureConnect' : 'connect', () => {
      resolve(socket)
      socket.end()
      socket.unref()
    })
    socket.on('error', reject)
    socket.setTimeout(limitMs, () => socket.destroy(new TimeLimit()))
  })
}

const isName = (host: string) => !/^[\d.]+$/.test(host) && !host.includes(':')

class TimeLimit extends Error {
  readonly code = 'ETIMEDOUT'
}

/** Contract: rejects with a TimeLimit after the timeout, and with the signal's reason on abort. */
async function withTimeLimit<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = () => {}
  const limit = new Promise<never>((_resolve, reject) => {
    const timer = setTimeout(() => reject(new TimeLimit()), limitMs)
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort)
    stop = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    }
  })
  return Promise.race([work, limit]).finally(() => stop())
}

/** Expiry of a connection's certificate, in ms since the epoch. */
function expiryOf(socket: Socket | TLSSocket): number | undefined {
  if (!('getPeerCertificate' in socket)) return undefined
  const { valid_to } = socket.getPeerCertificate()
  return valid_to === undefined ? undefined : Date.parse(valid_to)
}

type CheckedAddress = HostAndPort & { address: string; tookMs: number; expires: number | undefined }

function found({ host, port, address, tookMs, expires }: CheckedAddress): Finding {
  const name = address === host ? host : `${host} (${address})`
  const listens = `${name} accepts connections on port ${port} (${lasting(tookMs)})`
  if (expires === undefined) return ok(check, `${listens}.`)
  const leftMs = expires - Date.now()
  if (leftMs < certificateDaysMin * dayMs) {
    return warning(
      check,
      `${listens}. Its certificate expires in ${lasting(leftMs)}.`,
      'Renew the certificate. Automatic renewal seems to fail.',
    )
  }
  return ok(check, `${listens}. Its certificate is valid for ${lasting(leftMs)}.`)
}

const codeOf = (error: unknown) =>
  (error as { code?: string }).code ?? (error as Error).message ?? String(error)

function noSuchHost(host: string, code: string): Finding {
  if (code === 'ENOTFOUND') {
    return wrong(check, `Host not found: ${host}.`, 'Check the spelling in --url or OUTLAST_URL.')
  }
  return wrong(
    check,
    `The DNS lookup of ${host} failed: ${code}.`,
    'Check the network of this machine.',
  )
}

const certificateAdvice: Record<string, string> = {
  CERT_HAS_EXPIRED: 'Renew the certificate on the server.',
  CERT_NOT_YET_VALID: 'Set the clock of this machine.',
  ERR_TLS_CERT_ALTNAME_INVALID: 'Use the host name of the certificate in --url.',
}
const authorityAdvice =
  'For a certificate authority of your own, set NODE_EXTRA_CA_CERTS. Do not disable the check.'

function noConnection(place: string, error: unknown): Finding {
  const code = codeOf(error)
  const { message } = error as Error
  if (code === 'ECONNREFUSED') {
    const advice = '`outlast serve` starts a server on this machine. --url selects another server.'
    return wrong(check, `No server listens at ${place}.`, advice)
  }
  if (code === 'ETIMEDOUT') {
    const advice = 'Check that the machine runs and that no firewall blocks the port.'
    return wrong(check, `${place} does not answer within ${lasting(limitMs)}.`, advice)
  }
  if (/^(EPROTO|ERR_SSL_|ECONNRESET)/.test(code)) {
    const advice = 'Use http:// in --url, or the port of TLS.'
    return wrong(check, `${place} does not use TLS.`, advice)
  }
  if (/CERT|SIGNATURE|ISSUER|SIGNED/.test(code)) {
    const advice = certificateAdvice[code] ?? authorityAdvice
    return wrong(check, `The certificate of ${place} is not trusted: ${message}.`, advice)
  }
  return wrong(check, `No connection to ${place}: ${message}.`, 'Check --url or OUTLAST_URL.')
}
