import { createHash } from 'node:crypto'
import { sortedJson } from '../../json.ts'
import type { Capability, Tool } from '../capability.ts'

const digits = 16

/**
 * Identifies the catalogue of a node by what models see and what decides how calls run. Returns 16
 * hexadecimal digits: the same in every process and for any order of capabilities.
 */
export function hashCatalog(list: readonly Capability[]): string {
  const parts = list.map(describePart).sort(byId)
  return createHash('sha256').update(sortedJson(parts)).digest('hex').slice(0, digits)
}

const byId = (one: { id: string }, other: { id: string }) => (one.id < other.id ? -1 : 1)

function describePart(capability: Capability) {
  const { id, name, description, status, dependencies, config, sessionRules } = capability
  return {
    ...{ id, name, description, status, dependencies, config, sessionRules },
    prompt: capability.prompt({}),
    tools: capability.tools({}).map(withoutCode),
  }
}

const withoutCode = ({ run: _, parse: __, isLimited: ___, output, ...tool }: Tool) => ({
  ...tool,
  output: output?.schema,
})
