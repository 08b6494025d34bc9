import type { SessionQuery } from '@outlast/contract'
import { type SqlBool, sql } from 'kysely'
import type { Db } from '../database.ts'
import { containing } from '../like.ts'
import { inScope, type SessionScope } from '../scope.ts'
import { nanosOf } from '../usage.ts'
import { isPinned } from './pins.ts'

/** Which sessions of an organization a list has, apart from a search in their texts. */
export type SessionFilters = Omit<SessionQuery, 'offset' | 'limit' | 'q' | 'sort' | 'order'> & {
  userId: string
  scope?: SessionScope | undefined
}

/** The filters that leave out sessions, apart from the agent. The compiler asks for new ones. */
const narrowing: Record<keyof Omit<SessionFilters, 'userId' | 'agent_id'>, true> = {
  scope: true,
  key: true,
  user: true,
  status: true,
  outcome: true,
  waiting: true,
  tag: true,
  legal_hold: true,
  pinned: true,
  search: true,
  model_id: true,
  forked_from: true,
  cost_above: true,
  since: true,
  until: true,
  feedback: true,
}

/** True if a list has fewer sessions than all, or all of an agent. */
export const isFiltered = (filters: SessionFilters): boolean =>
  Object.keys(narrowing).some((name) => filters[name as keyof typeof narrowing] !== undefined)

/** The query of the sessions that match, without columns and order. */
export const sessionsWith = (db: Db, orgId: string, query: SessionFilters) =>
  withState(db, orgId, query)
    .$if(query.agent_id !== undefined, (q) => q.where('agent_id', '=', query.agent_id!))
    .$if(query.scope !== undefined, (q) => q.where(inScope(query.scope!)))
    .$if(query.user !== undefined, (q) => q.where('user_id', '=', query.user!))
    .$if(query.key !== undefined, (q) => q.where('key', '=', query.key!))
    .$if(query.tag !== undefined, (q) =>
      q.where(sql<SqlBool>`tags @> array[${query.tag}]::text[] and tags <> '{}'`),
    )
    .$if(query.model_id !== undefined, (q) => q.where('model_id', '=', query.model_id!))
    .$if(query.forked_from !== undefined, (q) =>
      q.where(
        sql<SqlBool>`forked_from is not null and forked_from->>'session_id' = ${query.forked_from}`,
      ),
    )
    .$if(query.cost_above !== undefined, (q) =>
      q.where('id', 'in', costlyIds(db, orgId, query.cost_above!)),
    )
    .$if(query.since !== undefined, (q) => q.where('created_at', '>=', query.since!))
    .$if(query.until !== undefined, (q) => q.where('created_at', '<', query.until!))
    .$if(query.legal_hold !== undefined, (q) => q.where('legal_hold', '=', query.legal_hold!))
    .$if(query.pinned === true, (q) => q.where('id', 'in', pinnedIds(db, orgId, query.userId)))
    .$if(query.pinned === false, (q) => q.where(isPinned(query.userId), '=', false))
    .$if(query.feedback !== undefined, (q) => q.where(isRated(query.feedback!)))
    .$if(query.search !== undefined, (q) => q.where(matches(query.search!)))

const withState = (db: Db, orgId: string, query: SessionFilters) =>
  db.kysely
    .selectFrom('sessions')
    .where('sessions.org_id', '=', orgId)
    .$if(query.status === 'started', (q) => q.where('started_at', 'is', null))
    .$if(query.status === 'idle', (q) =>
      q.where('status', '=', 'idle').where('started_at', 'is not', null),
    )
    .$if(query.status === 'active', (q) => q.where('id', 'in', activeIds(db, orgId)))
    .$if(query.outcome === 'failed', (q) => q.where('id', 'in', failedIds(db, orgId)))
    .$if(query.waiting !== undefined, (q) =>
      q.where('waiting_for', query.waiting ? 'is not' : 'is', null),
    )

/** Sessions whose turn is running, queued or waiting. */
const activeIds = ({ kysely }: Db, orgId: string) =>
  kysely
    .selectFrom('turns')
    .select('session_id')
    .where('org_id', '=', orgId)
    .union(
      kysely
        .selectFrom('sessions')
        .select('id as session_id')
        .where('org_id', '=', orgId)
        .where('waiting_for', 'is not', null),
    )

/** Idle sessions whose latest turn failed. Its failure has the time at which they became idle. */
const failedIds = ({ kysely }: Db, orgId: string) =>
  kysely
    .selectFrom('failed_turns as f')
    .innerJoin('sessions as s', (join) =>
      join
        .onRef('s.org_id', '=', 'f.org_id')
        .onRef('s.id', '=', 'f.session_id')
        .onRef('s.finished_at', '=', 'f.failed_at'),
    )
    .select('s.id')
    .where('f.org_id', '=', orgId)
    .where('s.turn_id', 'is', null)

/** Sessions that a user has pinned, which are few. */
const pinnedIds = ({ kysely }: Db, orgId: string, userId: string) =>
  kysely
    .selectFrom('session_pins')
    .select('session_id')
    .where('org_id', '=', orgId)
    .where('user_id', '=', userId)

/** Sessions by the cost that the search has read, which has an index. */
const costlyIds = ({ kysely }: Db, orgId: string, dollars: number) =>
  kysely
    .selectFrom('search_sessions')
    .select('session_id')
    .where('org_id', '=', orgId)
    .where('cost_nanos', '>', nanosOf(dollars))

/** The first condition is that of the index. */
const isRated = (feedback: NonNullable<SessionQuery['feedback']>) =>
  feedback === 'any'
    ? sql<SqlBool>`feedback is not null`
    : sql<SqlBool>`feedback is not null and ${feedback} = any(feedback)`

function matches(search: string) {
  const pattern = containing(search)
  return sql<SqlBool>`(title ilike ${pattern} or preview ilike ${pattern})`
}
