import {
  type Agent,
  type AgentChange,
  generalAgentId,
  harnessId,
  type NewAgent,
} from '@outlast/contract'
import { type SqlBool, sql } from 'kysely'
import { ApiError } from '../../errors.ts'
import { newId } from '../../ids.ts'
import { batchesOf, countRows, olderThan, type RowRange } from '../batches.ts'
import type { Db, Statement } from '../database.ts'
import { jsonOrNull } from '../json-lists.ts'
import { containing } from '../like.ts'
import { statement, valuesOf } from '../statements.ts'
import { type UsageRow, usageOf } from '../usage.ts'

const columns = [
  'id',
  'name',
  'display_name',
  'description',
  'system_prompt',
  'default_model_id',
  'tags',
  'capabilities',
  'tools',
  'output_schema',
  'initial_files',
  'max_iterations',
  'parallel_tool_calls',
  'network_access',
  'retention_days',
  'status',
  'source',
  'source_file',
  'created_at',
  'updated_at',
] as const

/** SQL: the usage of all sessions of an agent, summed over its counters. */
const usage = `(
  select json_build_object(
    'input_tokens', coalesce(sum(c.input_tokens), 0),
    'output_tokens', coalesce(sum(c.output_tokens), 0),
    'cache_read_tokens', nullif(sum(c.cache_read_tokens), 0),
    'cache_creation_tokens', nullif(sum(c.cache_creation_tokens), 0),
    'cost_nanos', sum(c.cost_nanos)
  ) from counters c where c.org_id = agents.org_id and c.agent_id = agents.id
)`
const selected = `${columns.join(', ')}, ${usage} as usage`

type Nullable =
  | 'display_name'
  | 'description'
  | 'default_model_id'
  | 'output_schema'
  | 'initial_files'
  | 'max_iterations'
  | 'parallel_tool_calls'
  | 'network_access'
  | 'retention_days'
  | 'source_file'
type AgentRow = Omit<Agent, 'harness_id' | Nullable | 'usage'> & {
  [Column in Nullable]: Exclude<Agent[Column], undefined> | null
} & { usage: UsageRow }

function agentFromRow(row: AgentRow): Agent {
  const used = usageOf(row.usage)
  const { tools = [], initial_files: files } = row
  return {
    id: row.id,
    harness_id: harnessId,
    name: row.name,
    ...set('display_name', row.display_name),
    ...set('description', row.description),
    system_prompt: row.system_prompt,
    ...set('default_model_id', row.default_model_id),
    tags: row.tags,
    capabilities: row.capabilities,
    ...(tools.length > 0 && { tools }),
    ...set('output_schema', row.output_schema),
    ...(files !== null && files.length > 0 && { initial_files: files }),
    ...set('max_iterations', row.max_iterations),
    ...set('parallel_tool_calls', row.parallel_tool_calls),
    ...set('network_access', row.network_access),
    ...set('retention_days', row.retention_days),
    status: row.status,
    source: row.source,
    ...set('source_file', row.source_file),
    ...(used && { usage: used }),
    created_at: row.created_at,
    updated_at: row.updated_at,
  }
}

/** A property that is absent while its column is null. */
const set = <Name extends Nullable>(name: Name, value: AgentRow[Name]) =>
  value === null ? {} : ({ [name]: value } as unknown as Pick<Agent, Name>)

const byId: Statement = {
  name: 'agent-by-id',
  text: `select ${selected} from agents where org_id = $1 and id = $2`,
}

/** Finds an agent, archived or not. */
export async function findAgent(db: Db, orgId: string, id: string): Promise<Agent | undefined> {
  const [row] = await db.run<AgentRow>(byId, [orgId, id])
  return row && agentFromRow(row)
}

/** Returns an agent, archived or not. Contract: throws 404 `not_found`. */
export async function getAgent(db: Db, orgId: string, id: string): Promise<Agent> {
  const found = await findAgent(db, orgId, id)
  if (!found) throw new ApiError('not_found', 'Agent')
  return found
}

/** SQL: a strictly increasing time, also for two changes within a millisecond. */
const nextVersion = `greatest(clock_timestamp(), agents.updated_at + interval '1 ms')`

/** Locks an agent until the transaction ends, and returns when it was last changed. */
export async function lockAgent(
  db: Db,
  orgId: string,
  id: string,
): Promise<Pick<Agent, 'updated_at'> | undefined> {
  return db.kysely
    .selectFrom('agents')
    .select('updated_at')
    .where('org_id', '=', orgId)
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst()
}

const save = statement(
  'save-agent',
  `
insert into agents (org_id, id, name, display_name, description, system_prompt, default_model_id, tags, capabilities, tools, output_schema, initial_files, max_iterations, parallel_tool_calls, network_access, retention_days, source, source_file)
values (:orgId, :id, :name, :displayName, :description, :systemPrompt, :defaultModelId, :tags, :capabilities, :tools, :outputSchema, :initialFiles, :maxIterations, :parallelToolCalls, :networkAccess, :retentionDays, case when :file::text is null then 'api' else 'file' end, :file)
on conflict (org_id, id) do update set
  name = excluded.name,
  display_name = excluded.display_name,
  description = excluded.description,
  system_prompt = excluded.system_prompt,
  default_model_id = excluded.default_model_id,
  tags = excluded.tags,
  capabilities = excluded.capabilities,
  tools = excluded.tools,
  output_schema = excluded.output_schema,
  initial_files = excluded.initial_files,
  max_iterations = excluded.max_iterations,
  parallel_tool_calls = excluded.parallel_tool_calls,
  network_access = excluded.network_access,
  retention_days = case when :setsRetention::boolean then excluded.retention_days else agents.retention_days end,
  status = 'active',
  tool_rules = case when agents.status = 'active' then agents.tool_rules else (
    select jsonb_object_agg(key, value) from jsonb_each(agents.tool_rules) where value->>'decision' = 'reject'
  ) end,
  source_file = excluded.source_file,
  updated_at = ${nextVersion}
where agents.source = excluded.source
returning ${selected}, xmax = 0 as created`,
)

/** An agent under an id that the client may have chosen, and whether it is new. */
export type Saved = { agent: Agent; created: boolean }

/**
 * Creates an agent, or replaces all fields of an existing one, archived or not. An archived one may
 * have had another purpose: it keeps only the tool rules that reject. Absent fields
 * become empty, except `retention_days`: clients that do not send it must not change the retention.
 * `file`: the file of the project that defines the agent.
 * Contract: throws 409 `agent_from_file` when a client would replace an agent from a file.
 */
export async function saveAgent(
  db: Db,
  orgId: string,
  agent: NewAgent & { id: string },
  file?: string,
): Promise<Saved> {
  const values = valuesOf(save, {
    orgId,
    id: agent.id,
    name: agent.name,
    displayName: agent.display_name ?? null,
    description: agent.description ?? null,
    systemPrompt: agent.system_prompt,
    defaultModelId: agent.default_model_id ?? null,
    tags: agent.tags ?? [],
    capabilities: JSON.stringify(agent.capabilities ?? []),
    tools: JSON.stringify(agent.tools ?? []),
    outputSchema: schemaJson(agent.output_schema),
    initialFiles: jsonOrNull(agent.initial_files),
    maxIterations: agent.max_iterations ?? null,
    parallelToolCalls: agent.parallel_tool_calls ?? null,
    networkAccess: jsonOrNull(agent.network_access),
    retentionDays: agent.retention_days ?? null,
    setsRetention: agent.retention_days !== undefined,
    file: file ?? null,
  })
  const [row] = await db.run<AgentRow & { created: boolean }>(save, values)
  if (!row) throw await changeRefusal(db, orgId, agent.id)
  return { agent: agentFromRow(row), created: row.created }
}

/** An empty schema means none. */
const schemaJson = (schema: NewAgent['output_schema']) =>
  schema && Object.keys(schema).length > 0 ? JSON.stringify(schema) : null

/** Why a client cannot change an agent: a file defines it, or it does not exist. */
async function changeRefusal(db: Db, orgId: string, id: string): Promise<ApiError> {
  const { source_file: file } = (await findAgent(db, orgId, id)) ?? {}
  return file === undefined
    ? new ApiError('not_found', 'Agent')
    : new ApiError('agent_from_file', file)
}

/** Creates an agent under a new id. */
export async function createAgent(db: Db, orgId: string, agent: NewAgent): Promise<Agent> {
  const saved = await saveAgent(db, orgId, { ...agent, id: newId('agent') })
  return saved.agent
}

const jsonColumns = new Set(['capabilities', 'tools', 'initial_files', 'network_access'])

/**
 * Updates an agent.
 * Contract: absent and null keep a field, except `retention_days`, where null means inherited;
 * throws 404, and 409 `agent_from_file`.
 */
export async function updateAgent(
  db: Db,
  { orgId, id }: { orgId: string; id: string },
  { output_schema, retention_days, ...change }: AgentChange,
): Promise<Agent> {
  const given = Object.entries(change).filter(([, value]) => value != null)
  const values = given.map(([name, value]) => [
    name,
    jsonColumns.has(name) ? JSON.stringify(value) : value,
  ])
  const row = await db.kysely
    .updateTable('agents')
    .set({
      ...Object.fromEntries(values),
      ...(output_schema != null && { output_schema: schemaJson(output_schema) }),
      ...(retention_days !== undefined && { retention_days }),
      updated_at: sql.raw(nextVersion),
    })
    .where('org_id', '=', orgId)
    .where('id', '=', id)
    .where('source', '=', 'api')
    .returning(columns)
    .returning(sql.raw<UsageRow>(usage).as('usage'))
    .executeTakeFirst()
  if (!row) throw await changeRefusal(db, orgId, id)
  return agentFromRow(row as unknown as AgentRow)
}

/**
 * Archives an agent; its sessions continue.
 * Contract: throws 404 when it is not active, and 409 `agent_from_file`.
 */
export async function archiveAgent(db: Db, orgId: string, id: string): Promise<void> {
  const row = await db.kysely
    .updateTable('agents')
    .set({ status: 'archived', updated_at: sql`clock_timestamp()` })
    .where('org_id', '=', orgId)
    .where('id', '=', id)
    .where('status', '=', 'active')
    .where('source', '=', 'api')
    .returning('id')
    .executeTakeFirst()
  if (!row) throw await changeRefusal(db, orgId, id)
}

/** The `agent_id` of the turns and cost of deleted agents: alerts compare sums of all agents. */
const countedDeleted = 'deleted'

const remove: Statement = {
  name: 'delete-agent',
  text: `
with d as (
  delete from agents a where org_id = $1 and id = $2 and status = 'archived'
    and not exists (select from sessions s where s.org_id = a.org_id and s.agent_id = a.id)
  returning org_id, id
), r as (
  delete from counters c using d where c.org_id = d.org_id and c.agent_id = d.id
  returning c.org_id, c.executions, c.cost_nanos
), k as (
  insert into counters as c (org_id, agent_id, shard, executions, cost_nanos)
  select org_id, '${countedDeleted}', 0, sum(executions), coalesce(sum(cost_nanos), 0) from r group by org_id
  on conflict (org_id, agent_id, shard) do update set
    executions = c.executions + excluded.executions, cost_nanos = c.cost_nanos + excluded.cost_nanos
)
select from d`,
}

/**
 * Deletes an archived agent permanently, with its sums, which stay in those of the organization.
 * Waits for sessions that are being created with it.
 * Contract: `db` is a transaction; throws 404, 409 `agent_in_use`, and 409 `agent_from_file` while
 * a file defines it.
 */
export async function deleteAgent(db: Db, orgId: string, id: string): Promise<void> {
  await lockAgent(db, orgId, id)
  if ((await db.run(remove, [orgId, id])).length > 0) return
  const { status, source_file: file } = await getAgent(db, orgId, id)
  if (file !== undefined && status === 'active') throw new ApiError('agent_from_file', file)
  throw new ApiError('agent_in_use', id)
}

/** Prompts may be a megabyte each. */
const batchSize = 50

export type AgentFilter = { all: boolean; search?: string | undefined }

/** SQL: the active agents, or all, that contain the text of the search. */
const matching = (db: Db, orgId: string, { all, search }: AgentFilter) => {
  const pattern = containing(search ?? '')
  return db.kysely
    .selectFrom('agents')
    .where('org_id', '=', orgId)
    .where('id', '<>', generalAgentId)
    .$if(!all, (q) => q.where('status', '=', 'active'))
    .$if(search !== undefined, (q) =>
      q.where(
        sql<SqlBool>`(name ilike ${pattern} or display_name ilike ${pattern} or description ilike ${pattern})`,
      ),
    )
}

/** Lists agents in batches, newest first. */
export async function* listAgents(
  db: Db,
  orgId: string,
  { all, search, ...span }: RowRange & AgentFilter,
): AsyncGenerator<Agent[]> {
  const batches = batchesOf<AgentRow>(span, batchSize, async ({ after, offset, limit }) => {
    const rows = await matching(db, orgId, { all, search })
      .select(columns)
      .select(sql.raw<UsageRow>(usage).as('usage'))
      .$if(after !== undefined, (q) => q.where(olderThan(after!)))
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .offset(offset)
      .limit(limit)
      .execute()
    return rows as unknown as AgentRow[]
  })
  for await (const rows of batches) yield rows.map(agentFromRow)
}

/** Of one node at a time, which stores the agents of its files. */
const fileAgentsLock = 79_117_652

const lockFiles: Statement = {
  name: 'lock-file-agents',
  text: 'select pg_try_advisory_xact_lock($1) as got',
}

/**
 * Reserves the agents from files for this node until the transaction ends. Returns false while
 * another node has them.
 */
export async function lockFileAgents(db: Db): Promise<boolean> {
  const [row] = await db.run<{ got: boolean }>(lockFiles, [fileAgentsLock])
  return row!.got
}

const fromFiles: Statement = {
  name: 'agents-from-files',
  text: `select ${selected} from agents where org_id = $1 and source = 'file' order by created_at, id`,
}

/** Lists the agents that files define or defined, archived ones included. */
export async function listFileAgents(db: Db, orgId: string): Promise<Agent[]> {
  return (await db.run<AgentRow>(fromFiles, [orgId])).map(agentFromRow)
}

const archiveFrom: Statement = {
  name: 'archive-file-agents',
  text: `
update agents set status = 'archived', updated_at = ${nextVersion}
where org_id = $1 and source = 'file' and status = 'active' and id <> all($2)
returning id, source_file as file`,
}

/** Archives the active agents from files, except `keptIds`. Returns the archived ones. */
export function archiveFileAgents(db: Db, orgId: string, keptIds: readonly string[]) {
  return db.run<{ id: string; file: string }>(archiveFrom, [orgId, keptIds])
}

export function countAgents(db: Db, orgId: string, filter: AgentFilter): Promise<number> {
  return countRows(matching(db, orgId, filter))
}
