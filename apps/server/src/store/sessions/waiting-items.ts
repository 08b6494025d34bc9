import type { QuestionSet, WaitingCounts, WaitingType } from '@outlast/contract'
import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../database.ts'
import { inScope, type SessionScope } from '../scope.ts'
import { readableJson } from '../stored-json.ts'

/** An entry of the waiting list. Fields of other types are null. */
export type WaitingRow = {
  type: WaitingType
  since: string
  expires_at: string | null
  session_id: string | null
  session_title: string | null
  agent_id: string | null
  agent_name: string | null
  user: string | null
  tool_call_id: string | null
  tool_name: string | null
  /** Arguments of a call that needs approval. Null: they are too long, or the event is missing. */
  arguments: Record<string, unknown> | null
  questions: QuestionSet | null
  budget_id: string | null
  mcp_server_id: string | null
  /** Why the MCP server cannot be used, as a sentence that begins with its name. */
  error: string | null
}

export type WaitingFilter = {
  orgId: string
  /** The types that the caller may answer. */
  types: readonly WaitingType[]
  agentId?: string | undefined
  sessionId?: string | undefined
  scope?: SessionScope | undefined
  /** The words after its name in the error of an MCP server that rejects its key or headers. */
  rejection: string
}

type Range = { offset: number; limit: number }

const argumentsBytesMax = 16_384
/** Counting stops there. */
const itemsCountedMax = 200

/** SQL: the parts of the wait of a session `s` that only a person can end. */
const parts = sql`(
  select c->>'type' as type, c->>'tool_call_id' as tool_call_id, c->>'tool_name' as tool_name,
    (c->>'expires_at')::timestamptz(3) as expires_at, (c->>'sequence')::integer as sequence,
    null as budget_id, place
  from json_array_elements(s.waiting_for->'calls') with ordinality as one(c, place)
  where c->>'type' <> 'tool_results'
  union all
  select 'budget', null, null, (s.waiting_for->>'resets_at')::timestamptz(3), null,
    s.waiting_for->>'budget_id', 0
  where s.waiting_for->>'type' = 'budget'
) w`

const textArray = (texts: readonly string[]) => sql`${texts}::text[]`

/** SQL: parked turns of the filter with each part. A turn that resumes has a row in `turns`. */
function waiting({ orgId, types, agentId, sessionId, scope }: WaitingFilter): RawBuilder<unknown> {
  return sql`from sessions s cross join lateral ${parts}
    where s.org_id = ${orgId} and s.waiting_for is not null and waits_for_person(s.waiting_for)
      and w.type = any(${textArray(types)})
      and not exists (select from turns where turns.id = s.turn_id)
      ${agentId === undefined ? sql`` : sql`and s.agent_id = ${agentId}`}
      ${sessionId === undefined ? sql`` : sql`and s.id = ${sessionId}`}
      ${scope === undefined ? sql`` : sql`and ${inScope(scope)}`}`
}

/** SQL: the page, then the events that asked. */
const page = (filter: WaitingFilter, { offset, limit }: Range) => sql<WaitingRow>`
with found as (
  select s.org_id, s.id, s.agent_id, s.user_id, coalesce(s.title, s.preview) as session_title,
    s.waiting_for->>'since' as since, w.*
  ${waiting(filter)}
  order by s.waiting_for->>'since', s.agent_id, s.id, w.place
  offset ${offset} limit ${limit}
)
select f.type, f.since::timestamptz(3) as since, f.expires_at, f.id as session_id, f.session_title,
  f.agent_id, a.name as agent_name, f.user_id as user, f.tool_call_id, f.tool_name, f.budget_id,
  case when length(d.asked->'tool_call'->>'arguments') <= ${argumentsBytesMax}
    then d.asked->'tool_call'->'arguments' end as arguments,
  d.asked->'input' as questions,
  null as mcp_server_id, null as error
from found f
  join agents a on a.org_id = f.org_id and a.id = f.agent_id
  left join events e on e.session_id = f.id and e.sequence = f.sequence
  cross join lateral (select ${sql.raw(readableJson('e.data'))} as asked offset 0) d
order by f.since, f.agent_id, f.id, f.place`

const counted = (filter: WaitingFilter) => sql<{ type: WaitingType; count: number }>`
select type, count(*)::integer as count
from (select w.type ${waiting(filter)} limit ${itemsCountedMax + 1}) found group by type`

const rejecting = ({ orgId, rejection }: WaitingFilter) => sql<WaitingRow>`
select 'sign_in' as type, coalesce(tools_failed_at, updated_at) as since, null as expires_at,
  null as session_id, null as session_title, null as agent_id, null as agent_name, null as user,
  null as tool_call_id, null as tool_name, null as arguments, null as questions, null as budget_id,
  id as mcp_server_id, tools_error as error
from mcp_servers
where org_id = ${orgId} and status = 'active' and starts_with(tools_error, name || ${` ${rejection}`})
order by since, id`

/** MCP servers that reject their key or headers: an organization has at most 100 servers. */
async function signIns(db: Db, filter: WaitingFilter): Promise<WaitingRow[]> {
  const { types, agentId, sessionId, scope } = filter
  const isOfServers = types.includes('sign_in') && !agentId && !sessionId && !scope
  return isOfServers ? (await rejecting(filter).execute(db.kysely)).rows : []
}

/**
 * Lists what waits for a person: MCP servers that reject their key or headers, then parts of waits,
 * the longest wait first.
 */
export async function listWaiting(
  db: Db,
  filter: WaitingFilter,
  { offset, limit }: Range,
): Promise<WaitingRow[]> {
  const servers = await signIns(db, filter)
  const first = servers.slice(offset, offset + limit)
  if (first.length === limit) return first
  const rest = { offset: Math.max(0, offset - servers.length), limit: limit - first.length }
  const { rows } = await page(filter, rest).execute(db.kysely)
  return [...first, ...rows]
}

export type CountedWaiting = { counts: WaitingCounts; total: number; total_capped?: boolean }

/** Counts what waits for a person, by type. Counting stops after 200 parts of waits. */
export async function countWaiting(db: Db, filter: WaitingFilter): Promise<CountedWaiting> {
  const servers = await signIns(db, filter)
  const { rows } = await counted(filter).execute(db.kysely)
  const counts = { approval: 0, input: 0, budget: 0, sign_in: servers.length }
  for (const { type, count } of rows) counts[type] = count
  const parts = rows.reduce((sum, { count }) => sum + count, 0)
  if (parts <= itemsCountedMax) return { counts, total: parts + servers.length }
  const [most] = [...rows].sort((one, other) => other.count - one.count)
  counts[most!.type] -= 1
  return { counts, total: itemsCountedMax + servers.length, total_capped: true }
}
