import { type ApiKey, type Health, type Me, OutlastError } from '@outlast/sdk'
import { ended, type Finding, failed, lasting, ok, warning, wrong } from './finding.ts'
import type { Visit } from './visit.ts'

const check = 'access'
const soonMs = 7 * 86_400_000
const keysMax = 1_000

/** Who the server takes us for, and what we may do. */
export async function checkAccess(visit: Visit, { auth_mode }: Health): Promise<Finding> {
  const { profile, outlast, signal } = visit
  if (/^none$/i.test(auth_mode)) return open(visit)
  if (!profile.api_key) {
    const advice = '`outlast login` signs in; a key may also stand in OUTLAST_API_KEY.'
    return wrong(
      check,
      `The server wants to know who calls (${auth_mode}), and there is no key.`,
      advice,
    )
  }
  try {
    const me = await outlast.auth.getMe({ signal })
    return knownAs(me, { visit, key: await ownKey(visit, profile.api_key) })
  } catch (error) {
    signal.throwIfAborted()
    return refused(error)
  }
}

function open({ url, profile }: Visit): Finding {
  if (!isHere(url.hostname)) {
    const sentence =
      'Everybody who reaches this address may do everything: there is no authentication.'
    return warning(check, sentence, 'Set AUTH_MODE on the server, unless something in front asks.')
  }
  const ignored = profile.api_key ? ' Yours is ignored.' : ''
  return ok(check, `No key is needed on this machine.${ignored}`)
}

const isHere = (host: string) => /^(localhost|127\.[\d.]+|\[::1\])$/.test(host)

/** What the server tells of this key; nothing of a token, and to keys that may not look. */
async function ownKey({ outlast, signal }: Visit, secret: string): Promise<ApiKey | undefined> {
  try {
    let looked = 0
    for await (const key of outlast.apiKeys.list({}, { signal })) {
      const beginning = key.key_prefix.replace(/\.+$/, '')
      if (beginning !== '' && secret.startsWith(beginning)) return key
      looked += 1
      if (looked === keysMax) break
    }
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof OutlastError)) throw error
  }
  return undefined
}

type Known = { visit: Visit; key: ApiKey | undefined }

function knownAs({ email, roles, organization_id }: Me, { visit, key }: Known): Finding {
  const scopes = key && !key.scopes.includes('*') ? `, and the key ${key.scopes.join(', ')}` : ''
  const where = organization_id ? ` in ${organization_id}` : ''
  const who = `You are ${email}${where}, who may act as ${roles.join(', ') || 'nobody'}${scopes}.`
  if (!organization_id) {
    return warning(check, who, 'Name an organization with --org: most commands need one.')
  }
  const leftMs = key?.expires_at ? Date.parse(key.expires_at) - Date.now() : Infinity
  if (leftMs < soonMs) {
    return warning(
      check,
      `${who} The key ends in ${lasting(leftMs)}.`,
      'Make a new one: `outlast keys create`.',
    )
  }
  if (visit.url.protocol === 'http:' && !isHere(visit.url.hostname)) {
    const advice = 'Put TLS in front of the server, and say https:// in --url.'
    return warning(check, `${who} The key goes over the network in the clear.`, advice)
  }
  return ok(check, who)
}

const keyAdvice =
  '`outlast login` saves another one; OUTLAST_API_KEY and --api-key win over what is saved.'

function refused(error: unknown): Finding {
  if (!(error instanceof OutlastError)) throw error
  const { status, code, message } = error
  if (code === 'api_key_expired') return wrong(check, 'The key has expired.', keyAdvice)
  if (code === 'users_only') {
    return wrong(check, 'What is given as a key is a token for one session.', keyAdvice)
  }
  if (code === 'not_found') {
    return wrong(
      check,
      'The key does not belong to the organization of --org.',
      'Leave --org and OUTLAST_ORG out, or use a key of it.',
    )
  }
  if (status === 401 && code !== 'not_outlast') {
    return wrong(check, `The server refuses the key: ${ended(message)}`, keyAdvice)
  }
  return failed(check, error)
}
