import type { Page, Session } from '@outlast/contract'
import type { FastifyRequest } from 'fastify'
import { findIdByKey } from '../../store/sessions/sessions.ts'
import type { InnerCalls } from './inner-calls.ts'

export type SessionName = {
  key: string
  /** Default: the agent of the session that was created last. */
  agentId?: string
  /** The end user of the session. Default: none. A token of an end user has only theirs. */
  user?: string | null | undefined
}

/** Finds the session with a key: never that of another end user, who may use the same key. */
export async function findKeyedSession(
  { call, run, fail }: InnerCalls,
  { principal, db }: Pick<FastifyRequest, 'principal' | 'db'>,
  { key, agentId, user = null }: SessionName,
): Promise<Session | undefined> {
  // Routes of other protocols have no schema for these, and no session has such a name.
  if (!isName(key) || !(user === null || isName(user))) return undefined
  if (principal.endUser) {
    const query = new URLSearchParams({ key, ...(agentId && { agent_id: agentId }), limit: '1' })
    return (await run<Page<Session>>('GET', `/v1/sessions?${query}`)).data[0]
  }
  const id = await findIdByKey(db, principal.orgId, { key, agentId, user })
  if (id === undefined) return undefined
  const response = await call<Session>('GET', `/v1/sessions/${id}`)
  if (response.status === 404) return undefined
  return response.status >= 400 ? fail(response) : response.body
}

const isName = (value: unknown) => typeof value === 'string' && !value.includes('\0')
