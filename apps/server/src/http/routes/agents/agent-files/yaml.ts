import {
  Document,
  isMap,
  isScalar,
  Lexer,
  type Node,
  parseDocument,
  visit,
  type YAMLError,
  type YAMLMap,
} from 'yaml'
import { broken, type LineAndColumn, linesIn, placeIn } from './broken.ts'

/** Parsing takes about 2 µs a piece (a scalar, a sign, a line break) and blocks the event loop. */
const piecesMax = 20_000
const linesMax = 50_000
const depthMax = 100

/** Text with more lines than this is written on one, so that it stays below the limit above. */
const blockLinesMax = 10_000
const plainText =
  /^[\n\t\x20-\x7e\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]*$/u

export type YamlFile = {
  value: unknown
  /** Position of a key of the mapping. */
  placeOf: (key: string) => LineAndColumn | undefined
}

/**
 * Reads one YAML 1.2 document of JSON values, without aliases.
 * Contract: throws `invalid_agent_file` with the place; takes at most 0.15 s for any 3 MiB.
 */
export function readYaml(text: string, firstLine: number): YamlFile {
  const at = (offset: number) => placeIn(text, offset, firstLine)
  checkSize(text, firstLine)
  try {
    const document = parseYaml(text, at)
    checkNodes(document, at)
    const placeOf = (key: string) => {
      const pairs = isMap(document.contents) ? document.contents.items : []
      const found = pairs.find((pair) => isScalar(pair.key) && pair.key.value === key)
      return found && at(offsetOfNode(found.key as Node))
    }
    return { value: document.toJS({ maxAliasCount: 0 }), placeOf }
  } catch (error) {
    if (error instanceof RangeError) throw tooDeep(at(0))
    throw error
  }
}

const tooDeep = (place: LineAndColumn) => broken(`is nested deeper than ${depthMax} levels.`, place)

function checkSize(text: string, firstLine: number) {
  const start = { line: firstLine, column: 1 }
  if (linesIn(text, linesMax) > linesMax) {
    throw broken(`the YAML has more than ${linesMax} lines; a prompt can follow it.`, start)
  }
  let pieces = 0
  for (const _ of new Lexer().lex(text)) {
    pieces += 1
    if (pieces > piecesMax) throw broken('the YAML has too many parts.', start)
  }
}

function parseYaml(text: string, at: (offset: number) => LineAndColumn) {
  const document = parseDocument(text, {
    prettyErrors: false,
    stringKeys: true,
    resolveKnownTags: false,
    // It would compare every key with every other.
    uniqueKeys: false,
  })
  // The parser only warns of an unknown tag; its value cannot be interpreted.
  const [problem] = [...document.errors, ...document.warnings]
  if (problem) throw sayWhere(problem, at)
  const { yaml } = document.directives
  if (yaml.version !== '1.2') throw broken(`is YAML ${yaml.version}, not 1.2.`, at(0))
  return document
}

function sayWhere({ code, message, pos }: YAMLError, at: (offset: number) => LineAndColumn) {
  return code === 'RESOURCE_EXHAUSTION' ? tooDeep(at(pos[0])) : broken(message, at(pos[0]))
}

function checkNodes(document: Document.Parsed, at: (offset: number) => LineAndColumn) {
  visit(document, {
    Alias(_, node) {
      throw broken('aliases are not taken: write the value out.', at(offsetOfNode(node)))
    },
    Collection(_, node, path) {
      if (path.length > 2 * depthMax) throw tooDeep(at(offsetOfNode(node)))
      if (isMap(node)) checkKeys(node, at)
    },
    Scalar(_, node) {
      if (typeof node.value !== 'number' || Number.isFinite(node.value)) return
      throw broken('is not a number that JSON can hold.', at(offsetOfNode(node)))
    },
  })
}

function checkKeys({ items }: YAMLMap, at: (offset: number) => LineAndColumn) {
  const seen = new Set<unknown>()
  for (const { key } of items) {
    if (!isScalar(key)) continue
    if (seen.has(key.value)) throw broken('this key is there twice.', at(offsetOfNode(key)))
    seen.add(key.value)
  }
}

const offsetOfNode = (node: Node) => node.range?.[0] ?? 0

/** Characters that YAML refuses or treats as a line end, and JSON does not escape. */
const unwritable = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g

/** Contract: accepts a text that has such characters only inside double quotes. */
export const escapedIn = (text: string) =>
  text.replace(unwritable, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** True for a text that YAML can contain unquoted. */
export const isPlainText = (text: string) => plainText.test(text)

/**
 * Contract: reading it again gives the same value, and every character is one that YAML 1.2 takes.
 * Text of several lines is written as a block where YAML allows it.
 */
export function writeYaml(value: object): string {
  const document = new Document(value, { aliasDuplicateObjects: false })
  visit(document, {
    Scalar(where, node) {
      if (typeof node.value !== 'string') return
      if (where !== 'key' && isBlock(node.value)) node.type = 'BLOCK_LITERAL'
      if (where === 'key' && !isPlainText(node.value)) node.type = 'QUOTE_DOUBLE'
    },
  })
  const text = document.toString({
    lineWidth: 0,
    defaultStringType: 'QUOTE_DOUBLE',
    defaultKeyType: 'PLAIN',
    doubleQuotedAsJSON: true,
  })
  return escapedIn(text)
}

/** Space at its ends would be taken for the block's own. */
function isBlock(text: string): boolean {
  const lines = linesIn(text, blockLinesMax)
  return lines > 0 && lines <= blockLinesMax && text === text.trim() && isPlainText(text)
}
