import { send } from './api.js'
import { askToSignIn } from './sign-in.js'

/** With these words an answer says that nobody is signed in, or not any more. */
const nobodyCodes = new Set(['unauthenticated', 'invalid_token'])

/** Tells the other tabs that somebody signed in or out: what they show may be another's. */
const tabs = new BroadcastChannel('outlast.login')
tabs.addEventListener('message', () => location.reload())

/** Who has signed in on this page. */
let person
let renewing

/**
 * Calls the API; when the sign-in is over it is renewed, or the person is asked to sign in, and the call is made again.
 * Contract: as `send`.
 */
export async function call(method, path, body) {
  try {
    return await send(method, path, body)
  } catch (problem) {
    if (!nobodyCodes.has(problem.code)) throw problem
  }
  renewing ??= renew().finally(() => {
    renewing = undefined
  })
  await renewing
  return send(method, path, body)
}

/** The person who is signed in; undefined where nobody has to be. */
export async function findPerson() {
  const { mode } = await send('GET', '/v1/auth/config')
  if (mode === 'none') return undefined
  person = await call('GET', '/v1/auth/me')
  return person
}

/** Nothing of what was shown stays, in any tab. */
export async function signOut() {
  await send('POST', '/v1/auth/logout')
  tabs.postMessage('out')
  history.replaceState(null, '', location.pathname)
  location.reload()
}

async function renew() {
  if (await alone(renewLogin)) return
  await askToSignIn()
  tabs.postMessage('in')
  const { id } = await send('GET', '/v1/auth/me')
  if (person === undefined || person.id === id) return
  location.reload()
  // What the other person was about to do is not done.
  await new Promise(() => {})
}

/** A refresh token is good once, so of all tabs only one uses it; the next finds itself signed in. */
async function renewLogin() {
  return (await succeeds('GET', '/v1/auth/me')) || succeeds('POST', '/v1/auth/refresh')
}

async function succeeds(method, path) {
  try {
    await send(method, path)
    return true
  } catch (problem) {
    if (problem.status !== 401) throw problem
    return false
  }
}

/** Contract: where a browser has no locks, cookies do not work either: over http to another machine. */
const alone = (work) => navigator.locks?.request('outlast.login', work) ?? work()
