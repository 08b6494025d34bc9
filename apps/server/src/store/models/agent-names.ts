import { type Agent, generalAgentId, isAgentSlug } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import { parseId } from '../../ids.ts'
import type { Db, Statement } from '../database.ts'
import { getAgent } from './agents.ts'

const byName: Statement = {
  name: 'agent-by-name',
  text: `
select id from agents where org_id = $1 and name = $2 and status = 'active' and id <> '${generalAgentId}'
order by created_at desc, id desc limit 1`,
}

/** Finds the active agent of a name; the newest of several that are older than the rule. */
async function findAgentId(db: Db, orgId: string, name: string) {
  const [found] = await db.run<{ id: string }>(byName, [orgId, name])
  return found?.id
}

/**
 * Returns the id of the agent that a path names: an id, or the name of an active agent.
 * Contract: throws 404 for an unknown name, and 400 `invalid_id`. The agent of an id may not exist.
 */
export async function getAgentId(db: Db, orgId: string, idOrName: string): Promise<string> {
  if (!isAgentSlug(idOrName)) return parseId('agent', idOrName, ', or be a slug such as support')
  const id = await findAgentId(db, orgId, idOrName)
  if (id === undefined) throw new ApiError('not_found', 'Agent')
  return id
}

/** Returns the active agent of a name. Contract: throws 404. */
export async function getAgentNamed(db: Db, orgId: string, name: string): Promise<Agent> {
  const id = await findAgentId(db, orgId, name)
  if (id === undefined) throw new ApiError('not_found', 'Agent')
  return getAgent(db, orgId, id)
}

const lock: Statement = {
  name: 'lock-agent-name',
  text: `select pg_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 0))`,
}

/**
 * Reserves a name until the transaction ends, and finds the active agent that has it. Requests with
 * the same name wait for each other, on all nodes. A name that is no slug is free.
 */
export async function claimName(db: Db, orgId: string, name: string) {
  if (!isAgentSlug(name)) return undefined
  await db.run(lock, [orgId, name])
  return findAgentId(db, orgId, name)
}

const other: Statement = {
  name: 'agent-with-name',
  text: `select id from agents where org_id = $1 and name = $2 and status = 'active' and id <> $3 limit 1`,
}

type Named = { id: string; name: string }

/** True if no other active agent has the name, or if it is no slug. */
export async function isNameFree(db: Db, orgId: string, { id, name }: Named): Promise<boolean> {
  return !isAgentSlug(name) || (await db.run(other, [orgId, name, id])).length === 0
}

/**
 * Refuses an agent whose name another active agent has.
 * Contract: call it after the change, in its transaction; throws 409 `agent_name_taken`.
 */
export async function checkName(db: Db, orgId: string, { id, name }: Named): Promise<void> {
  if (!isAgentSlug(name)) return
  await db.run(lock, [orgId, name])
  if (!(await isNameFree(db, orgId, { id, name }))) throw new ApiError('agent_name_taken', name)
}
