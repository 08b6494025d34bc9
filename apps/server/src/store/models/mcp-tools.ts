import { ApiError } from '../../errors.ts'
import { sortedJson } from '../../json.ts'
import type { Db, Statement } from '../database.ts'
import { textHash } from '../stored-texts.ts'

/** A tool as its server listed it, prepared for models. `parameters` is a JSON Schema. */
export type ListedTool = {
  name: string
  description: string
  parameters: Record<string, unknown>
  replay: 'safe' | 'unsafe'
}

/** The tools that a server lists, and the reasons for omitted ones. */
export type ToolList = { tools: ListedTool[]; warnings: string[] }

/** A hash of each tool of a list, by the tool's name at its server. */
export type ToolHashes = Record<string, string>

/**
 * Hashes the part of each tool that a model receives, for any key order of its schema.
 * Contract: pure.
 */
export const hashesOf = ({ tools }: ToolList): ToolHashes =>
  Object.fromEntries(tools.map((tool) => [tool.name, textHash(sortedJson(tool))]))

/** One hash for a whole list. */
export const listHashOf = (hashes: ToolHashes) => textHash(JSON.stringify(hashes))

export type Reviewed = { tool_hashes: ToolHashes | null; reviewed_hashes: ToolHashes | null }

/** The tools that are new or changed since the list was reviewed. Contract: pure. */
export function changedTools({ tool_hashes: now, reviewed_hashes: before }: Reviewed): string[] {
  if (!now || !before) return []
  return Object.keys(now).filter(
    (name) => !Object.hasOwn(before, name) || now[name] !== before[name],
  )
}

const saveList: Statement = {
  name: 'save-mcp-tools',
  text: `
update mcp_servers set tools = $4, tool_count = $5, tools_listed_at = clock_timestamp(), tools_error = null,
  tool_hashes = $6, reviewed_hashes = coalesce(reviewed_hashes, $6),
  tools_reviewed_at = coalesce(tools_reviewed_at, clock_timestamp())
where org_id = $1 and id = $2 and revision = $3`,
}

type ServerRevision = { org_id: string; id: string; revision: number }

/** Stores a server's list unless its reach has changed since. The first list counts as reviewed. */
export async function saveToolList(
  db: Db,
  { org_id, id, revision }: ServerRevision,
  { list, hashes }: { list: ToolList; hashes: ToolHashes },
) {
  const [listed, hashed] = [list, hashes].map((value) => JSON.stringify(value))
  await db.run(saveList, [org_id, id, revision, listed, list.tools.length, hashed])
}

const saveError: Statement = {
  name: 'save-mcp-error',
  text: `
with before as (
  select tools_error from mcp_servers where org_id = $1 and id = $2
), s as (
  update mcp_servers set tools_error = $4, tools_failed_at = clock_timestamp()
  where org_id = $1 and id = $2 and revision = $3 and tools_error is distinct from $4
  returning org_id, id
)
select enqueue_webhook_event(
  s.org_id, 'mcp_server.unauthorized', 'event_' || replace(gen_random_uuid()::text, '-', ''), json_build_object('mcp_server_id', s.id)
) from s, before where starts_with($4, $5) and starts_with(before.tools_error, $5) is not true`,
}

/**
 * Stores why a server's tools could not be listed. Those of an earlier list stay. Webhooks get the
 * first of consecutive errors that begin with `rejection`.
 */
export async function saveToolError(
  db: Db,
  { org_id, id, revision }: ServerRevision,
  { error, rejection }: { error: string; rejection: string },
) {
  await db.run(saveError, [org_id, id, revision, error, rejection])
}

const confirm: Statement = {
  name: 'confirm-mcp-tools',
  text: `
update mcp_servers set reviewed_hashes = tool_hashes, tools_reviewed_at = clock_timestamp()
where org_id = $1 and id = $2 and encode(sha256(convert_to(tool_hashes::text, 'UTF8')), 'hex') = $3
returning id`,
}

/** Confirms the list with this hash. Contract: throws `mcp_tools_changed` if another is stored. */
export async function confirmTools(
  db: Db,
  { orgId, id, hash }: { orgId: string; id: string; hash: string },
): Promise<void> {
  const [confirmed] = await db.run(confirm, [orgId, id, hash])
  if (!confirmed) throw new ApiError('mcp_tools_changed')
}
