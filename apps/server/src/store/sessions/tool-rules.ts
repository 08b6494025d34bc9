import type { Decider, ToolRule } from '@outlast/contract'
import type { Db } from '../database.ts'
import { statement, valuesOf } from '../statements.ts'

/** Decisions for every call of a tool in a session, by the tool's name. */
export type ToolRules = Readonly<Record<string, Omit<ToolRule, 'tool_name'>>>

type RulesOf = { orgId: string; sessionId: string }

const set = statement(
  'set-tool-rules',
  `
update sessions set tool_rules = coalesce(tool_rules, '{}') || (
  select jsonb_object_agg(name, jsonb_build_object(
    'decision', decision, 'decided_by', :by::jsonb, 'created_at', to_jsonb(now()::timestamptz(3))))
  from unnest(:names::text[], :decisions::text[]) as n(name, decision)
) where org_id = :orgId and id = :sessionId`,
)

/** Sets rules for tools, and replaces earlier ones. */
export async function setToolRules(
  db: Db,
  of: RulesOf,
  { rules, by }: { rules: ReadonlyMap<string, ToolRule['decision']>; by: Decider },
): Promise<void> {
  if (rules.size === 0) return
  const names = [...rules.keys()]
  const given = { ...of, names, decisions: [...rules.values()], by: JSON.stringify(by) }
  await db.run(set, valuesOf(set, given))
}

const find = statement(
  'find-tool-rules',
  'select tool_rules from sessions where org_id = :orgId and id = :sessionId',
)

/** Undefined when there is no such session. */
export async function findToolRules(db: Db, of: RulesOf): Promise<ToolRules | undefined> {
  const [row] = await db.run<{ tool_rules: ToolRules | null }>(find, valuesOf(find, of))
  return row && (row.tool_rules ?? {})
}

const remove = statement(
  'remove-tool-rule',
  `
update sessions set tool_rules = nullif(tool_rules - :name::text, '{}')
where org_id = :orgId and id = :sessionId and tool_rules ? :name
returning id`,
)

/** Removes the rule of a tool. False when it has none. */
export async function removeToolRule(db: Db, of: RulesOf, name: string): Promise<boolean> {
  return (await db.run(remove, valuesOf(remove, { ...of, name }))).length > 0
}

const decisions = statement(
  'find-decisions',
  `
select data::text as data from events
where session_id = (select id from sessions where org_id = :orgId and id = :sessionId)
  and type = 'tool.approval_resolved' and data->>'tool_call_id' = any(:ids::text[])`,
)

export type StoredDecision = {
  tool_call_id: string
  tool_name: string
  decision: 'approved' | 'denied' | 'expired'
  arguments?: Record<string, unknown>
  always?: boolean
}

/** Finds the decisions about calls of a session, by call. */
export async function findDecisions(db: Db, of: RulesOf, ids: readonly string[]) {
  const values = valuesOf(decisions, { ...of, ids: [...ids] })
  const rows = await db.run<{ data: string }>(decisions, values)
  const all = rows.map(({ data }) => JSON.parse(data) as StoredDecision)
  return new Map(all.map((data) => [data.tool_call_id, data]))
}
