/** Kind of a line, by its beginning. `rest`: its text. `indent`: its indentation. */
export type Block =
  | { kind: 'blank' }
  | { kind: 'rule' }
  | { kind: 'fence'; indent: number; mark: string; info: string }
  | { kind: 'row' }
  | { kind: 'heading'; level: number; rest: string }
  | { kind: 'item'; indent: number; mark: string; rest: string }
  | { kind: 'text'; indent: number; rest: string }

/** Beginnings of a line that do not decide its kind yet. */
const beginnings = [
  /^\s*$/,
  /^ {0,3}#{1,6}\s*$/,
  /^\s*([-*_])(\s*\1)*\s*$/,
  /^\s*(\d{1,9}[.)]?|[-*+])\s*$/,
  /^\s*(`{1,2}|~{1,2})$/,
  /^\s*(`{3,}[^`]*|~{3,}.*)$/,
]

/** Detects the kind of a line. Contract: undefined while undecided, never for a complete line. */
export function blockOf(line: string, isComplete: boolean): Block | undefined {
  if (!isComplete && beginnings.some((beginning) => beginning.test(line))) return undefined
  return wholeLine(line) ?? begun(line)
}

function wholeLine(line: string): Block | undefined {
  if (/^\s*$/.test(line)) return { kind: 'blank' }
  if (/^ {0,3}([-*_])(\s*\1){2,}\s*$/.test(line)) return { kind: 'rule' }
  const fence = /^(\s*)(`{3,}(?=[^`]*$)|~{3,})(.*)$/.exec(line)
  if (!fence) return undefined
  const [, indent, mark, info] = fence
  return { kind: 'fence', indent: indent!.length, mark: mark!, info: info!.trim() }
}

function begun(line: string): Block {
  if (/^\s*\|/.test(line)) return { kind: 'row' }
  const heading = /^ {0,3}(#{1,6})(?:\s+|$)(.*)$/.exec(line)
  if (heading) return { kind: 'heading', level: heading[1]!.length, rest: heading[2]! }
  const item = /^(\s*)([-*+]|\d{1,9}[.)])(?:\s+|$)(.*)$/.exec(line)
  if (item) return { kind: 'item', indent: item[1]!.length, mark: item[2]!, rest: item[3]! }
  const indent = /^\s*/.exec(line)![0].length
  return { kind: 'text', indent, rest: line.slice(indent) }
}
