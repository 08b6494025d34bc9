import { useSyncExternalStore } from 'react'
import { deleteDrafts } from '../sessions/composer/drafts.ts'
import { deleteEntries } from '../sessions/composer/outbox-store.ts'

/** Error codes of a request without a valid sign-in. */
const signedOutCodes = new Set(['unauthenticated', 'invalid_token'])

let asking: { promise: Promise<void>; done: () => void } | undefined
let renewing: Promise<void> | undefined
let userId: string | undefined
const watchers = new Set<() => void>()

/** Notifies other tabs of a sign-out, or of the user who signed in. They may show another user. */
const tabs = new BroadcastChannel('outlast.login')
tabs.addEventListener('message', ({ data }) => {
  if (data.userId !== undefined && data.userId === userId) return signedIn()
  // Unsent text belongs to the previous user.
  if (data === 'out') sessionStorage.clear()
  location.reload()
})

function notify() {
  for (const watch of watchers) watch()
}

/** Returns whether the sign-in form is shown. */
export const useAsking = () =>
  useSyncExternalStore(
    (watch) => {
      watchers.add(watch)
      return () => watchers.delete(watch)
    },
    () => asking !== undefined,
  )

/**
 * Like `fetch`, but asks for a new sign-in when needed and then retries the request. The page keeps
 * its state.
 * Contract: the server refuses a request of this page once the browser's cookie belongs to another
 * user.
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
  if (!signedOutCodes.has(code)) return response
  renewing ??= renew().finally(() => {
    renewing = undefined
  })
  await renewing
  return fetch(input, named)
}

function withUser(init: RequestInit = {}): RequestInit {
  if (userId === undefined) return init
  const headers = new Headers(init.headers)
  headers.set('outlast-user', userId)
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
  // Requests of the previous user are not sent.
  return new Promise<never>(() => {})
}

async function renew(): Promise<void> {
  if (await alone(renewLogin)) return
  await askUser()
  const before = userId
  const me = await ask('me').catch(() => undefined)
  // Without an answer: the server refuses requests of another user.
  const now = me?.ok ? (await me.json()).id : undefined
  userId ??= now
  tabs.postMessage({ userId: now })
  if (now !== undefined && before !== undefined && before !== now) await becomeAnother()
}

/**
 * Renews the sign-in. A refresh token works once, so only one tab uses it. Contract: throws if the
 * server cannot answer; the request fails like on a lost connection, and its caller tries again.
 */
async function renewLogin(): Promise<boolean> {
  if ((await ask('me')).ok) return true
  const { ok, status } = await ask('refresh', 'POST')
  if (status === 429 || status >= 500) throw new Error(`The sign-in was not renewed: ${status}.`)
  return ok
}

const timeoutMs = 30_000

const ask = (what: 'me' | 'refresh', method = 'GET') =>
  fetch(`/v1/auth/${what}`, { method, signal: AbortSignal.timeout(timeoutMs) })

/** Runs work in one tab at a time. Contract: a browser without locks has no sign-in cookies. */
const alone = (work: () => Promise<boolean>): Promise<boolean> =>
  navigator.locks ? navigator.locks.request('outlast.login', work) : work()

function askUser(): Promise<void> {
  if (!asking) {
    let done = () => {}
    const promise = new Promise<void>((resolve) => {
      done = resolve
    })
    asking = { promise, done }
    notify()
  }
  return asking.promise
}

/** Continues the requests that waited for the sign-in. */
export function signedIn(): void {
  asking?.done()
  asking = undefined
  notify()
}

const userName = 'outlast.user'

/** Sets the user of this page. Drafts of another user are deleted: the tab may have had one. */
export function remember(id: string): void {
  userId = id
  try {
    if (sessionStorage.getItem(userName) === id) return
    deleteDrafts()
    sessionStorage.setItem(userName, id)
  } catch {
    // Without storage there are no drafts of another user.
  }
}

/** Signs out and clears all tabs. Throws, and deletes nothing, if the server does not confirm. */
export async function signOut(): Promise<void> {
  const { ok, status } = await fetch('/v1/auth/logout', { method: 'POST' })
  if (!ok) throw new Error(`Not signed out: the server answered with ${status}. Try again.`)
  if (userId !== undefined) await deleteEntries(userId)
  tabs.postMessage('out')
  sessionStorage.clear()
  location.assign('/')
}

/** Switches to another organization and clears all tabs. */
export async function switchTo(organizationId: string): Promise<void> {
  const response = await fetchSignedIn('/v1/users/me/switch-org', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ org_id: organizationId }),
  })
  if (!response.ok) throw new Error((await response.json()).error)
  leaveOrganization()
}

/** Reloads all tabs after their organization was changed or deleted. */
export function leaveOrganization(): void {
  tabs.postMessage('out')
  sessionStorage.clear()
  location.assign('/')
}
