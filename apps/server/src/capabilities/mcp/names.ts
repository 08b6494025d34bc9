import type { McpServerRow } from '../../store/models/mcp-servers.ts'
import { textHash } from '../../store/stored-texts.ts'

const lengthMax = 64
const suffixDigits = 8

/** Replaces characters that models or file paths do not accept in a name. */
export const plainName = (text: string) => text.replace(/[^a-zA-Z0-9_-]/g, '_')

const suffixed = (name: string, marked: string) =>
  `${name.slice(0, lengthMax - suffixDigits - 1)}_${textHash(marked).slice(0, suffixDigits)}`

/** A tool's name for models. `moved`: its usual name was taken. */
export type ToolNaming = { name: string; moved: boolean }

const toolNamePrefix = (server: string) => `mcp_${plainName(server)}__`

/** True when two servers could give their tools the same names. Contract: pure. */
export function areAmbiguous(one: string, other: string): boolean {
  const [a, b] = [toolNamePrefix(one), toolNamePrefix(other)]
  return a.startsWith(b) || b.startsWith(a)
}

/**
 * Returns the names of a server's tools for models: `mcp_<server>__<tool>`, with a suffix where
 * that is too long or taken.
 * Contract: adds the names to `taken`; the same servers in the same order always get the same
 * names. Skips names in `foreign`.
 */
export function namesFor(
  { id, name: server, tools }: Pick<McpServerRow, 'id' | 'name' | 'tools'>,
  taken: Set<string>,
  foreign: ReadonlySet<string> = new Set(),
): Map<string, ToolNaming> {
  const names = new Map<string, ToolNaming>()
  for (const { name: tool } of tools?.tools ?? []) {
    const whole = toolNamePrefix(server) + plainName(tool)
    const wanted = whole.length <= lengthMax ? whole : suffixed(whole, tool)
    const isTaken = (name: string) => taken.has(name) || foreign.has(name)
    const moved = isTaken(wanted)
    let name = wanted
    for (let n = 0; isTaken(name); n++) name = suffixed(whole, `${id} ${tool} ${n}`)
    taken.add(name)
    names.set(tool, { name, moved })
  }
  return names
}
