import { type ApiKey, type Health, type Me, OutlastError } from '@outlast/sdk'
import { ended, type Finding, failed, lasting, ok, warning, wrong } from './finding.ts'
import type { Visit } from './visit.ts'

const check = 'access'
const soonMs = 7 * 86_400_000
const keysMax = 1_000

/** Checks the identity and the permissions of the key. */
export async function checkAccess(visit: Visit, { auth_mode }: Health): Promise<Finding> {
  const { profile, outlast, signal } = visit
  if (/^none$/i.test(auth_mode)) return withoutAuthentication(visit)
  if (!profile.api_key) {
    const advice = `Sign in with \`outlast login ${profile.url}\`, or set OUTLAST_API_KEY.`
    const mode = auth_mode.toLowerCase()
    return wrong(check, `The server requires a key (AUTH_MODE ${mode}), and there is none.`, advice)
  }
  try {
    const me = await outlast.auth.getMe({ signal })
    return knownAs(me, { visit, key: await ownKey(visit, profile.api_key) })
  } catch (error) {
    signal.throwIfAborted()
    return refused(error)
  }
}

function withoutAuthentication({ url, profile }: Visit): Finding {
  if (!isHere(url.hostname)) {
    const sentence =
      'The server has no authentication: every client that reaches this address has full access.'
    return warning(
      check,
      sentence,
      'Set AUTH_MODE on the server, unless a proxy authenticates clients.',
    )
  }
  const ignored = profile.api_key ? ' Yours is ignored.' : ''
  return ok(check, `No key is needed on this machine.${ignored}`)
}

const isHere = (host: string) => /^(localhost|127\.[\d.]+|\[::1\])$/.test(host)

/** Finds the record of this key. Undefined for a token and without permission. */
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
  const scopes =
    key && !key.scopes.includes('*') ? `; scopes of the key: ${key.scopes.join(', ')}` : ''
  const where = organization_id ? ` in ${organization_id}` : ''
  const user = `Signed in as ${email}${where} with the roles ${roles.join(', ') || 'none'}${scopes}.`
  if (!organization_id) {
    return warning(check, user, 'Select an organization with --org. Most commands need one.')
  }
  const leftMs = key?.expires_at ? Date.parse(key.expires_at) - Date.now() : Infinity
  if (leftMs < soonMs) {
    return warning(
      check,
      `${user} The key expires in ${lasting(leftMs)}.`,
      'Create a new key: `outlast keys create`.',
    )
  }
  if (visit.url.protocol === 'http:' && !isHere(visit.url.hostname)) {
    const advice = 'Terminate TLS in front of the server and use https:// in --url.'
    return warning(check, `${user} The key is sent unencrypted.`, advice)
  }
  return ok(check, user)
}

const keyAdvice =
  '`outlast login` saves another key. OUTLAST_API_KEY and --api-key override the saved one.'

function refused(error: unknown): Finding {
  if (!(error instanceof OutlastError)) throw error
  const { status, code, message } = error
  if (code === 'api_key_expired') return wrong(check, 'The key has expired.', keyAdvice)
  if (code === 'users_only') {
    return wrong(check, 'The key is a token for one session.', keyAdvice)
  }
  if (code === 'not_found') {
    return wrong(
      check,
      'The key does not belong to the organization of --org.',
      'Remove --org and OUTLAST_ORG, or use a key of that organization.',
    )
  }
  if (status === 401 && code !== 'not_outlast') {
    return wrong(check, `The server refuses the key: ${ended(message)}`, keyAdvice)
  }
  return failed(check, error)
}
