type Fields = Record<string, unknown>

/** The part of a result that the server left out, and the file with the whole result. */
export type LeftOut = {
  bytes: number
  /** Path of the whole result in the session's files. */
  file: string | undefined
  /** Text after the part that was left out. */
  end: string
}

/** `cutField`: the name of the field that was cut. Its value is its beginning. */
export type Truncated = { fields: Fields; cutField: string; leftOut: LeftOut }

// Each character matches in one way only, so that an open string takes linear time.
const string = String.raw`"(?:[^"\\]|\\u[0-9a-fA-F]{4}|\\[^u])*`
const member = new RegExp(
  String.raw`\s*[{,]\s*(${string}")\s*:\s*(${string}"|-?[\d.eE+-]+|true|false|null)(?=\s*[,}])`,
  'y',
)
const openMember = new RegExp(String.raw`\s*[{,]\s*(${string}")\s*:\s*(${string})`, 'y')
const openRoot = new RegExp(`^"(${string.slice(1)})`)
const stringEnd = /^(?:[^"\\]|\\u[0-9a-fA-F]{4}|\\[^u])*/

const isText = (value: unknown): value is string => typeof value === 'string'
const byteLengthOf = (text: string) => new TextEncoder().encode(text).length

/**
 * Reads a result of which the server kept the beginning and the end of its JSON. Fields before the
 * cut are whole. A result without a field that was cut is one text, named `result`.
 */
export function truncatedOf(given: Fields): Truncated | undefined {
  const { truncated, size_bytes: bytes, beginning, end, full_output: file } = given
  if (truncated !== true || typeof bytes !== 'number' || !isText(beginning) || !isText(end)) {
    return undefined
  }
  const { fields, open } = readBeginning(beginning)
  const tail = open ? readEnd(end) : { text: end, fields: {} }
  const text = withoutPartialLine(tail.text)
  const keptBytes =
    byteLengthOf(beginning) + byteLengthOf(end) - byteLengthOf(tail.text) + byteLengthOf(text)
  return {
    fields: open
      ? { ...fields, [open.name]: open.text, ...tail.fields }
      : { [rootName]: beginning },
    cutField: open?.name ?? rootName,
    leftOut: {
      bytes: Math.max(0, bytes - keptBytes),
      file: isText(file) ? file : undefined,
      end: text,
    },
  }
}

const rootName = 'result'

/** The first line may begin within an escape sequence. */
const withoutPartialLine = (text: string) => text.slice(text.indexOf('\n') + 1) || text

function readBeginning(text: string) {
  const fields: Fields = {}
  let at = 0
  const next = (pattern: RegExp) => {
    pattern.lastIndex = at
    const found = pattern.exec(text)
    if (found) at = pattern.lastIndex
    return found
  }
  for (let found = next(member); found; found = next(member)) {
    fields[JSON.parse(found[1]!)] = JSON.parse(found[2]!)
  }
  const found = next(openMember)
  const root = found ? undefined : openRoot.exec(text)?.[1]
  if (root !== undefined) return { fields, open: { name: rootName, text: unescaped(root) } }
  const open = found && { name: String(JSON.parse(found[1]!)), text: unescaped(found[2]!.slice(1)) }
  return { fields, open }
}

/** Reads the rest of the string, and the fields after it. */
function readEnd(end: string): { text: string; fields: Fields } {
  const raw = stringEnd.exec(end)?.[0] ?? ''
  const rest = end.slice(raw.length)
  if (rest === '"}' || rest === '"') return { text: unescaped(raw), fields: {} }
  try {
    return { text: unescaped(raw), fields: JSON.parse(rest.replace(/^"\s*,/, '{')) }
  } catch {
    return { text: end, fields: {} }
  }
}

const unescaped = (text: string): string => JSON.parse(`"${text}"`)
