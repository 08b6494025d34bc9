import type { EventType } from '@outlast/contract'
import type { Db, Statement } from '../database.ts'
import { type EventRow, sequenceMax } from '../log/events.ts'
import { isReadableJson } from '../stored-json.ts'

/** SQL that builds the data of an outline from the stored data `d`. */
type OutlineSql = { sql: string }

const fields = (...names: string[]): OutlineSql => {
  const pairs = names.map((name) => `'${name}', d->'${name}'`)
  return { sql: `json_strip_nulls(json_build_object(${pairs.join(', ')}))` }
}

const messageId = `json_build_object('id', d->'message'->'id', 'content', '[]'::json)`
const input = `json_build_object('message', ${messageId}, 'on_busy', d->'on_busy', 'imported', d->'imported')`

/** The data of each type in an outline. `none`: an empty object. */
const outlineOf: { [T in EventType]: 'whole' | 'none' | OutlineSql } = {
  'input.message': { sql: `json_strip_nulls(${input})` },
  'session.started': 'none',
  'session.activated': 'none',
  'turn.started': fields('prompt_hash', 'tools_hash', 'output_schema_hash'),
  'mcp.unavailable': 'whole',
  'capability.unavailable': 'whole',
  'reason.started': 'whole',
  'context.compacting': 'whole',
  'context.compacted': fields('usage'),
  'output.message.started': 'whole',
  'reason.thinking.started': 'none',
  'reason.thinking.delta': 'none',
  'reason.thinking.completed': 'none',
  'output.message.delta': 'none',
  'tool.input.delta': 'none',
  'llm.generation': fields('metadata'),
  'output.message.completed': 'whole',
  'reason.completed': 'whole',
  'act.started': 'none',
  'tool.approval_requested': 'whole',
  'tool.approval_resolved': 'whole',
  'tool.call_requested': 'whole',
  'tool.input_resolved': 'whole',
  'tool.started': 'whole',
  'tool.completed': fields('tool_call_id', 'success', 'imported'),
  'tool.progress': 'none',
  'act.completed': 'none',
  'files.changed': 'whole',
  'budget.warning': 'none',
  'budget.exhausted': 'whole',
  'budget.paused': 'whole',
  'budget.resumed': 'whole',
  'turn.completed': 'none',
  'turn.failed': 'none',
  'turn.cancelled': 'none',
  'session.idled': 'none',
  'feedback.given': 'none',
}

/** Events of single calls, which only the latest step needs. */
const ofCalls = [
  'tool.approval_requested',
  'tool.call_requested',
  'tool.input_resolved',
  'tool.started',
  'tool.completed',
  'tool.progress',
  'files.changed',
] satisfies EventType[]

const typeList = (types: readonly string[]) => types.map((type) => `'${type}'`).join(', ')

const entries = Object.entries(outlineOf)
const empty = entries.flatMap(([type, as]) => (as === 'none' ? [type] : []))
const reduced = entries.flatMap(([type, as]) => (typeof as === 'object' ? [{ type, ...as }] : []))
const cases = reduced.map(
  ({ type, sql }) =>
    `when type = '${type}' and ${isReadableJson('data')} then (select (${sql})::text from (select data as d) stored)`,
)

const outline: Statement = {
  name: 'read-outline',
  text: `
with latest as materialized (
  select max(sequence) as reply from events
  where session_id = $1 and sequence > $2 and sequence <= $3 and type = 'output.message.completed'
)
select sequence, type, ts, context::text as context, tags,
  case when type in (${typeList(empty)}) then '{}' ${cases.join(' ')} else data::text end as data
from events
where session_id = $1 and sequence > $2 and sequence <= $3 and (
  type not in (${typeList(ofCalls)}) or sequence > coalesce((select reply from latest), 0)
)
order by sequence`,
}

/**
 * Reads what the state of the last turn in a part of a log depends on: neither the texts of results
 * and of messages of users, nor the calls of replies before the latest one. Its length depends on
 * the model's output only, except that data with escapes of NUL or surrogates are whole.
 */
export const readOutline = (
  db: Db,
  sessionId: string,
  { after, upTo = sequenceMax }: { after: number; upTo?: number },
) => db.run<EventRow>(outline, [sessionId, after, upTo])
