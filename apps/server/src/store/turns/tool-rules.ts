import type { Decider, RuleScope, ToolRule } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import type { Db } from '../database.ts'
import { statement, valuesOf } from '../statements.ts'
import { readableJson } from '../stored-json.ts'

/**
 * Decisions for every call of a tool in a session or of an agent: by the tool's name, or by its
 * `tool_ref` once another tool has a rule under that name.
 */
export type ToolRules = Readonly<Record<string, Omit<ToolRule, 'tool_name'>>>

/** Without `tool_ref`: of a call that an older server announced. */
export type NewToolRule = {
  tool_name: string
  tool_ref: string | undefined
  decision: ToolRule['decision']
  scope: RuleScope
}

type RulesOf = { orgId: string; sessionId: string }

/** The rules of one agent, at most. Those of a session are limited by its tools. */
const agentRulesMax = 256

const added = `(
  select jsonb_object_agg(name, jsonb_strip_nulls(jsonb_build_object(
    'decision', decision, 'tool_ref', ref, 'decided_by', :by::jsonb, 'created_at', to_jsonb(now()::timestamptz(3)))))
  from unnest(:names::text[], :refs::text[], :decisions::text[]) as n(name, ref, decision)
)`

/** Rules of other tools under these names. */
const displaced = `(
  select coalesce(jsonb_object_agg(value->>'tool_ref', value), '{}')
  from jsonb_each(tool_rules) join unnest(:names::text[], :refs::text[]) as n(name, ref) on key = name
  where value->>'tool_ref' <> coalesce(ref, '')
)`
const merged = `((coalesce(tool_rules, '{}') || ${displaced}) - :refs::text[]) || ${added}`

const setters = {
  session: statement(
    'set-tool-rules',
    `
update sessions set tool_rules = ${merged}
where org_id = :orgId and id = :sessionId
returning agent_id`,
  ),
  agent: statement(
    'set-agent-tool-rules',
    `
update agents set tool_rules = ${merged}
where org_id = :orgId and id = (select agent_id from sessions where org_id = :orgId and id = :sessionId)
returning id as agent_id, (select count(*) from jsonb_object_keys(tool_rules))::integer as total`,
  ),
}

/**
 * Sets rules for tools, and replaces earlier ones of the same tools. Returns the agent whose rules
 * changed.
 * Contract: `db` is a transaction; throws `tool_rules_full`.
 */
export async function setToolRules(
  db: Db,
  of: RulesOf,
  { rules, by }: { rules: readonly NewToolRule[]; by: Decider },
): Promise<string | undefined> {
  let changed: string | undefined
  for (const [scope, ofScope] of Map.groupBy(rules, (rule) => rule.scope)) {
    // The last of several rules for one name holds.
    const own = [...new Map(ofScope.map((rule) => [rule.tool_name, rule])).values()]
    const given = {
      ...of,
      names: own.map(({ tool_name }) => tool_name),
      refs: own.map(({ tool_ref }) => tool_ref ?? null),
      decisions: own.map(({ decision }) => decision),
      by: JSON.stringify(by),
    }
    const set = setters[scope]
    const [row] = await db.run<{ agent_id: string; total?: number }>(set, valuesOf(set, given))
    if ((row?.total ?? 0) > agentRulesMax) {
      throw new ApiError('tool_rules_full', String(agentRulesMax))
    }
    if (scope === 'agent') changed = row?.agent_id
  }
  return changed
}

const finders = {
  session: statement(
    'find-tool-rules',
    'select tool_rules from sessions where org_id = :orgId and id = :id',
  ),
  agent: statement(
    'find-agent-tool-rules',
    'select tool_rules from agents where org_id = :orgId and id = :id',
  ),
}

type Owner = { orgId: string; scope: RuleScope; id: string }

/** Undefined when there is no such session or agent. */
export async function findToolRules(
  db: Db,
  { scope, ...of }: Owner,
): Promise<ToolRules | undefined> {
  const find = finders[scope]
  const [row] = await db.run<{ tool_rules: ToolRules | null }>(find, valuesOf(find, of))
  return row && (row.tool_rules ?? {})
}

const removal = (table: 'sessions' | 'agents') => `
update ${table} set tool_rules = nullif(tool_rules - :name::text, '{}')
where org_id = :orgId and id = :id and tool_rules ? :name
returning id`

const removers = {
  session: statement('remove-tool-rule', removal('sessions')),
  agent: statement('remove-agent-tool-rule', removal('agents')),
}

/** Removes the rule of a tool. False when it has none. */
export async function removeToolRule(
  db: Db,
  { scope, ...of }: Owner,
  name: string,
): Promise<boolean> {
  // No tool has such a name, and PostgreSQL takes no such text.
  if (name.includes('\0')) return false
  const remove = removers[scope]
  return (await db.run(remove, valuesOf(remove, { ...of, name }))).length > 0
}

const decisions = statement(
  'find-decisions',
  `
select data::text as data from events
where session_id = (select id from sessions where org_id = :orgId and id = :sessionId)
  and type = 'tool.approval_resolved' and ${readableJson('data')}->>'tool_call_id' = any(:ids::text[])`,
)

export type StoredDecision = {
  tool_call_id: string
  tool_name: string
  decision: 'approved' | 'denied' | 'expired'
  arguments?: Record<string, unknown>
  always?: boolean
  /** Of a rule; absent for one of the session. */
  scope?: 'agent'
}

/** Finds the decisions about calls of a session, by call. */
export async function findDecisions(db: Db, of: RulesOf, ids: readonly string[]) {
  const values = valuesOf(decisions, { ...of, ids: [...ids] })
  const rows = await db.run<{ data: string }>(decisions, values)
  const all = rows.map(({ data }) => JSON.parse(data) as StoredDecision)
  return new Map(all.map((data) => [data.tool_call_id, data]))
}
