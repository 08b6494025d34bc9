import { useSyncExternalStore } from 'react'
import { deleteEntries } from '../sessions/composer/outbox-store.ts'

/** With these words an answer says that nobody is signed in, or not any more. */
const nobodyCodes = new Set(['unauthenticated', 'invalid_token'])

let asking: { promise: Promise<void>; done: () => void } | undefined
let renewing: Promise<void> | undefined
let personId: string | undefined
const watchers = new Set<() => void>()

/** Tells the other tabs that somebody signed in or out: what they show may be another's. */
const tabs = new BroadcastChannel('outlast.login')
tabs.addEventListener('message', ({ data }) => {
  // What was written and not sent is a part of what was shown.
  if (data === 'out') sessionStorage.clear()
  location.reload()
})

function tell() {
  for (const watch of watchers) watch()
}

/** Whether a person is asked to sign in now. */
export const useAsking = () =>
  useSyncExternalStore(
    (watch) => {
      watchers.add(watch)
      return () => watchers.delete(watch)
    },
    () => asking !== undefined,
  )

/**
 * The platform's `fetch`, with a new sign-in when one is needed, after which the request is
 * repeated. The page keeps its state.
 * Contract: the server refuses a request of this page once the browser's cookie is another user's.
 */
export async function fetchSignedIn(
  input: RequestInfo | URL,
  init?: RequestInit,
): Promise<Response> {
  const named = withUser(init)
  const response = await fetch(input, named)
  if (response.status !== 401 && response.status !== 403) return response
  const code = await codeOf(response)
  if (code === 'user_mismatch') await becomeAnother()
  if (!nobodyCodes.has(code)) return response
  renewing ??= renew().finally(() => {
    renewing = undefined
  })
  await renewing
  return fetch(input, named)
}

function withUser(init: RequestInit = {}): RequestInit {
  if (personId === undefined) return init
  const headers = new Headers(init.headers)
  headers.set('outlast-user', personId)
  return { ...init, headers }
}

async function codeOf(response: Response): Promise<string> {
  const body = await response
    .clone()
    .json()
    .catch(() => undefined)
  return body?.code
}

/** Switches the page to the current user. Unsent text belongs to the previous one. */
async function becomeAnother(): Promise<never> {
  sessionStorage.clear()
  location.reload()
  // What the other person was about to do is not done.
  return new Promise<never>(() => {})
}

async function renew(): Promise<void> {
  if (await alone(renewLogin)) return
  await ask()
  tabs.postMessage('in')
  const before = personId
  const { id } = await (await fetch('/v1/auth/me')).json()
  if (before !== undefined && before !== id) await becomeAnother()
}

/** A refresh token is good once, so only one tab uses it; the others find themselves signed in. */
const renewLogin = async () =>
  (await fetch('/v1/auth/me')).ok || (await fetch('/v1/auth/refresh', { method: 'POST' })).ok

/** Contract: a browser without locks has no cookies either: plain http to another machine. */
const alone = (work: () => Promise<boolean>): Promise<boolean> =>
  navigator.locks ? navigator.locks.request('outlast.login', work) : work()

function ask(): Promise<void> {
  if (!asking) {
    let done = () => {}
    const promise = new Promise<void>((resolve) => {
      done = resolve
    })
    asking = { promise, done }
    tell()
  }
  return asking.promise
}

/** Somebody signed in: what waited goes on. */
export function signedIn(): void {
  asking?.done()
  asking = undefined
  tell()
}

/** Whose page this is from now on. */
export function remember(id: string): void {
  personId = id
}

/** Nothing of what was shown stays, in any tab. */
export async function signOut(): Promise<void> {
  await fetch('/v1/auth/logout', { method: 'POST' })
  if (personId !== undefined) await deleteEntries(personId)
  tabs.postMessage('out')
  sessionStorage.clear()
  location.assign('/')
}

/** Works in another organization from now on: nothing of the one before stays, in any tab. */
export async function switchTo(organizationId: string): Promise<void> {
  const response = await fetchSignedIn('/v1/users/me/switch-org', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ org_id: organizationId }),
  })
  if (!response.ok) throw new Error((await response.json()).error)
  leaveOrganization()
}

/** Reloads the page in every tab after the organization that it shows was changed or deleted. */
export function leaveOrganization(): void {
  tabs.postMessage('out')
  sessionStorage.clear()
  location.assign('/')
}
