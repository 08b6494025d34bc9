import type { McpServerRow } from '../../store/mcp-servers.ts'
import { hashOf } from '../../store/texts.ts'

const lengthMax = 64
const suffixDigits = 8

/** A text with nothing in it but what models, and paths of files, take in a name. */
export const plainName = (text: string) => text.replace(/[^a-zA-Z0-9_-]/g, '_')

const suffixed = (name: string, marked: string) =>
  `${name.slice(0, lengthMax - suffixDigits - 1)}_${hashOf(marked).slice(0, suffixDigits)}`

/** A tool's name for models. `moved`: another tool has the name that it would have had. */
export type Named = { name: string; moved: boolean }

/**
 * What models call the tools of servers: `mcp_<server>__<tool>`, with a suffix where that is too long or taken.
 * Contract: `taken` gains the names; the same servers in the same order always give the same names.
 */
export function namesFor(
  { id, name: server, tools }: Pick<McpServerRow, 'id' | 'name' | 'tools'>,
  taken: Set<string>,
): Map<string, Named> {
  const names = new Map<string, Named>()
  for (const { name: tool } of tools?.tools ?? []) {
    const whole = `mcp_${plainName(server)}__${plainName(tool)}`
    const wanted = whole.length <= lengthMax ? whole : suffixed(whole, tool)
    const moved = taken.has(wanted)
    let name = wanted
    for (let n = 0; taken.has(name); n++) name = suffixed(whole, `${id} ${tool} ${n}`)
    taken.add(name)
    names.set(tool, { name, moved })
  }
  return names
}
