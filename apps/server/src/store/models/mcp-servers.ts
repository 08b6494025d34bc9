import type { McpServer } from '@outlast/contract'
import { type SqlBool, sql } from 'kysely'
import { ApiError } from '../../errors.ts'
import { mask } from '../../secrets.ts'
import { batchesOf, countRows, olderThan, type RowRange } from '../batches.ts'
import type { Db, Statement } from '../database.ts'
import { isDuplicate } from '../database-errors.ts'
import { changedTools, listHashOf, type Reviewed, type ToolList } from './mcp-tools.ts'

const columns = [
  'id',
  'name',
  'description',
  'url',
  'header_names',
  'status',
  'tool_count',
  'tools_listed_at',
  'tools_error',
  'tool_hashes',
  'reviewed_hashes',
  'tools_reviewed_at',
  'created_at',
  'updated_at',
] as const

const keySet = sql<boolean>`api_key is not null`.as('api_key_set')

type Shown = Pick<
  McpServer,
  'id' | 'name' | 'url' | 'api_key_set' | 'status' | 'created_at' | 'updated_at'
> &
  Reviewed & {
    description: string | null
    header_names: string[]
    tool_count: number | null
    tools_listed_at: string | null
    tools_error: string | null
    tools_reviewed_at: string | null
  }

function mcpServerFromRow(selected: object): McpServer {
  const row = selected as Shown
  const { header_names: names, tool_count, tools_listed_at, tools_error } = row
  return {
    id: row.id,
    name: row.name,
    ...(row.description !== null && { description: row.description }),
    url: row.url,
    transport_type: 'http',
    ...(names.length > 0 && {
      headers: Object.fromEntries(names.map((name) => [name, mask])),
    }),
    api_key_set: row.api_key_set,
    status: row.status,
    ...(tool_count !== null && { tool_count }),
    ...(tools_listed_at !== null && { tools_listed_at }),
    ...(tools_error !== null && { tools_error }),
    ...reviewOf(row),
    created_at: row.created_at,
    updated_at: row.updated_at,
  }
}

function reviewOf(row: Shown) {
  const { tool_hashes, tools_reviewed_at } = row
  const changed = changedTools(row)
  return {
    ...(tool_hashes && { tools_hash: listHashOf(tool_hashes) }),
    ...(tools_reviewed_at !== null && { tools_reviewed_at }),
    ...(changed.length > 0 && { changed_tools: changed }),
  }
}

/** Returns a server. Contract: throws 404 `not_found`. */
export async function getMcpServer(db: Db, orgId: string, id: string): Promise<McpServer> {
  const row = await db.kysely
    .selectFrom('mcp_servers')
    .select(columns)
    .select(keySet)
    .where('org_id', '=', orgId)
    .where('id', '=', id)
    .executeTakeFirst()
  if (!row) throw new ApiError('not_found', 'MCP server')
  return mcpServerFromRow(row)
}

/** The places that a server's key and headers are sealed for. */
export const mcpKeyPlace = (orgId: string, id: string) => `mcp_servers.api_key of ${id} in ${orgId}`
export const mcpHeadersPlace = (orgId: string, id: string) =>
  `mcp_servers.headers of ${id} in ${orgId}`

/** The origin that a server's key and headers may be sent to. */
export const mcpDestination = (url: string) => URL.parse(url)?.origin ?? url

/** The address and credentials of a server. `headers` and `api_key` are envelopes. */
export type McpReach = {
  url: string
  header_names: string[]
  headers: string | null
  api_key: string | null
}

const serversMax = 100

export type NewMcpServerRow = Pick<McpServer, 'name'> & McpReach & { description: string | null }

/**
 * Creates a server.
 * Contract: throws 400 for a name in use in the organization, and if the organization has too many
 * servers.
 */
export async function createMcpServer(
  db: Db,
  { orgId, id }: { orgId: string; id: string },
  server: NewMcpServerRow,
): Promise<McpServer> {
  const { kysely } = db
  const total = await countRows(kysely.selectFrom('mcp_servers').where('org_id', '=', orgId))
  if (total >= serversMax) throw new ApiError('mcp_servers_full', String(serversMax))
  const row = await kysely
    .insertInto('mcp_servers')
    .values({ ...server, org_id: orgId, id })
    .returning(columns)
    .returning(keySet)
    .executeTakeFirstOrThrow()
    .catch((error) => refuseDuplicate(error, server.name))
  return mcpServerFromRow(row)
}

function refuseDuplicate(error: unknown, name: string | undefined): never {
  throw isDuplicate(error) ? new ApiError('mcp_server_exists', name ?? '') : error
}

export type McpServerUpdate = Partial<NewMcpServerRow & Pick<McpServer, 'status'>>

/**
 * Columns to reset when the address or credentials change: the listed tools belong to the old
 * server.
 */
const forgotten = {
  revision: sql<number>`revision + 1`,
  tools: null,
  tool_count: null,
  tools_listed_at: null,
  tools_error: null,
  tool_hashes: null,
  reviewed_hashes: null,
  tools_reviewed_at: null,
}

/** Errors begin with the name: one about rejected credentials is found by it. */
const renamedError = (name: string) =>
  sql<string | null>`case when starts_with(tools_error, name || ' ')
    then ${name}::text || substr(tools_error, length(name) + 1) else tools_error end`

/** Updates a server. Contract: absent fields stay; throws 404, and 400 for a name in use. */
export async function updateMcpServer(
  db: Db,
  { orgId, id }: { orgId: string; id: string },
  change: McpServerUpdate,
): Promise<McpServer> {
  const moves = change.url !== undefined || change.headers !== undefined || 'api_key' in change
  const { name } = change
  const reset = moves ? forgotten : name !== undefined && { tools_error: renamedError(name) }
  const row = await db.kysely
    .updateTable('mcp_servers')
    .set({ ...change, ...reset, updated_at: sql`clock_timestamp()` })
    .where('org_id', '=', orgId)
    .where('id', '=', id)
    .returning(columns)
    .returning(keySet)
    .executeTakeFirst()
    .catch((error) => refuseDuplicate(error, change.name))
  if (!row) throw new ApiError('not_found', 'MCP server')
  return mcpServerFromRow(row)
}

/** Deletes a server. Agents and sessions that name it continue without it. Contract: throws 404. */
export async function deleteMcpServer(db: Db, orgId: string, id: string): Promise<void> {
  const gone = await db.kysely
    .deleteFrom('mcp_servers')
    .where('org_id', '=', orgId)
    .where('id', '=', id)
    .returning('id')
    .executeTakeFirst()
  if (!gone) throw new ApiError('not_found', 'MCP server')
}

const batchSize = 500

/** Lists the servers in batches, newest first. */
export function listMcpServers(db: Db, orgId: string, span: RowRange): AsyncGenerator<McpServer[]> {
  return batchesOf<McpServer>(span, batchSize, async ({ after, offset, limit }) => {
    const rows = await db.kysely
      .selectFrom('mcp_servers')
      .select(columns)
      .select(keySet)
      .where('org_id', '=', orgId)
      .$if(after !== undefined, (q) => q.where(olderThan(after!)))
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .offset(offset)
      .limit(limit)
      .execute()
    return rows.map(mcpServerFromRow)
  })
}

/** Lists the names of an organization's servers, except one. */
export async function listOtherNames(db: Db, orgId: string, id: string): Promise<string[]> {
  const rows = await db.kysely
    .selectFrom('mcp_servers')
    .select('name')
    .where('org_id', '=', orgId)
    .where('id', '!=', id)
    .execute()
  return rows.map(({ name }) => name)
}

export function countMcpServers(db: Db, orgId: string): Promise<number> {
  return countRows(db.kysely.selectFrom('mcp_servers').where('org_id', '=', orgId))
}

/** A server as turns use it. */
export type McpServerRow = McpReach &
  Reviewed & {
    org_id: string
    id: string
    name: string
    description: string | null
    status: McpServer['status']
    revision: number
    /** Null until its tools have been listed once since it was created or changed. */
    tools: ToolList | null
    /** The age of the list, by the database's clock. */
    tools_age_ms: number | null
    tools_error: string | null
  }

const rowColumns = `
  org_id, id, name, description, url, header_names, headers, api_key, status, revision, tools, tools_error, tool_hashes, reviewed_hashes,
  (extract(epoch from clock_timestamp() - tools_listed_at) * 1000)::float8 as tools_age_ms`

const byIds: Statement = {
  name: 'mcp-servers-by-id',
  text: `select ${rowColumns} from mcp_servers where org_id = $1 and id = any($2) order by id`,
}

/** Finds the organization's servers with these ids, by id. */
export const findMcpServers = (db: Db, orgId: string, ids: readonly string[]) =>
  db.run<McpServerRow>(byIds, [orgId, ids])

const reach: Statement = {
  name: 'mcp-server-reach',
  text: `
select org_id, id, name, url, header_names, headers, api_key, status, revision
from mcp_servers where org_id = $1 and id = $2`,
}

export type McpServerReach = Pick<
  McpServerRow,
  'org_id' | 'id' | 'name' | 'status' | 'revision' | keyof McpReach
>

/** Returns the current address of a server; undefined when it was deleted. */
export async function findMcpReach(db: Db, orgId: string, id: string) {
  const [row] = await db.run<McpServerReach>(reach, [orgId, id])
  return row
}

const active: Statement = {
  name: 'mcp-servers-active',
  text: `select ${rowColumns} from mcp_servers where org_id = $1 and status = 'active' order by id`,
}

export const listActiveMcpServers = (db: Db, orgId: string) => db.run<McpServerRow>(active, [orgId])

export type SealedReach = {
  org_id: string
  id: string
  url: string
  column: 'headers' | 'api_key'
  body: string
}

/** Lists the sealed keys and headers of all organizations in batches. */
export async function* listSealedReaches(db: Db): AsyncGenerator<SealedReach[]> {
  for (const column of ['headers', 'api_key'] as const) {
    const all = { offset: 0, limit: Number.MAX_SAFE_INTEGER }
    yield* batchesOf<SealedReach>(all, batchSize, async ({ after, limit }) => {
      const rows = await db.kysely
        .selectFrom('mcp_servers')
        .select(['org_id', 'id', 'url', sql<string>`${sql.ref(column)}`.as('body')])
        .where(column, 'is not', null)
        .$if(after !== undefined, (q) =>
          q.where(sql<SqlBool>`(org_id, id) > (${after?.org_id}, ${after?.id})`),
        )
        .orderBy('org_id')
        .orderBy('id')
        .limit(limit)
        .execute()
      return rows.map((row) => ({ ...row, column }))
    })
  }
}

/** Replaces a text's envelope with a new one. Contract: false if the old one was replaced. */
export async function replaceSealedReach(
  db: Db,
  { org_id, id, column, body }: SealedReach,
  renewed: string,
): Promise<boolean> {
  const row = await db.kysely
    .updateTable('mcp_servers')
    .set({ [column]: renewed })
    .where('org_id', '=', org_id)
    .where('id', '=', id)
    .where(column, '=', body)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}
