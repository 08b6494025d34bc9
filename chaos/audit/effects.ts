import type { SessionEvidence } from '../evidence.ts'
import type { Effect } from '../ledger.ts'
import { logOf, ofType } from './log.ts'

type Effects = readonly Effect[]

const byCall = (effects: Effects) => Map.groupBy(effects, ({ call }) => call)

/** The intent of a tool is stored before the tool runs. */
export function strayEffects(session: SessionEvidence, effects: Effects): string[] {
  const intents = new Map(
    ofType(logOf(session), 'tool.started').map(({ data, context }) => [data.tool_call.id, context]),
  )
  return effects
    .filter(({ call, turn }) => intents.get(call)?.turn_id !== turn)
    .map(({ call, turn }) => `call ${call} had an effect; ${turn} never began it`)
}

export function duplicatedEffects(_session: SessionEvidence, effects: Effects): string[] {
  return [...byCall(effects.filter(({ replay }) => replay === 'unsafe'))]
    .filter(([, own]) => own.length > 1)
    .map(([call, own]) => `unsafe call ${call} had ${own.length} effects`)
}

/** The ledger contains the effect that a successful call reports. */
export function wrongSuccesses(session: SessionEvidence, effects: Effects): string[] {
  const own = byCall(effects)
  return ofType(logOf(session), 'tool.completed')
    .filter(({ data }) => data.success && data.tool_name.endsWith('_effect'))
    .flatMap(({ data }) => {
      const had = own.get(data.tool_call_id) ?? []
      const [part] = data.result ?? []
      const said = part?.type === 'text' ? (JSON.parse(part.text) as { effect?: string }) : {}
      if (had.some(({ id }) => id === said.effect)) return []
      return [
        `call ${data.tool_call_id} succeeded with effect ${said.effect}; it had ${had.length}`,
      ]
    })
}

/** A call keeps its key at every attempt, and shares it with no other call. */
export function unkeyedEffects(_session: SessionEvidence, effects: Effects): string[] {
  const changing = [...byCall(effects)]
    .filter(([, own]) => new Set(own.map(({ key }) => key)).size > 1)
    .map(([call]) => `call ${call} was given more than one idempotency key`)
  const shared = [...Map.groupBy(effects, ({ key }) => key)]
    .filter(([, own]) => new Set(own.map(({ call }) => call)).size > 1)
    .map(([, own]) => `calls ${own.map(({ call }) => call).join(', ')} were given the same key`)
  return [...changing, ...shared]
}
