import { KnownFailure } from './failure.ts'

/** Longest text of one item, and of everything around the items. */
const lengthMax = 1024 * 1024

const [quote, backslash] = [0x22, 0x5c]
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d]

export type ItemReader = {
  /** Takes the next piece of the document. */
  read: (text: string) => void
  /** The document without its items. Contract: throws KnownFailure if it has no list. */
  end: () => Record<string, unknown>
}

/**
 * Reads the objects of a JSON list one by one as the document comes in, so that a long one is never
 * held whole nor parsed at once. The list is the document, or stands in a field of it.
 * Contract: calls `onItem` for each; throws KnownFailure for what is no JSON or too long.
 */
export function createItemReader(onItem: (item: Record<string, unknown>) => void): ItemReader {
  /** What is open around the place that is read. */
  const open: number[] = []
  let inText = false
  let escaped = false
  let around = ''
  let item: string | undefined

  const isInList = () =>
    open.at(-1) === openList && (open.length === 1 || (open.length === 2 && open[0] === openObject))

  function add(text: string) {
    if (item === undefined) around += text
    else item += text
    if ((item ?? around).length > lengthMax) throw nonsense('Its list of models cannot be read.')
  }

  function passText(code: number) {
    if (escaped) escaped = false
    else if (code === backslash) escaped = true
    else if (code === quote) inText = false
  }

  /** True where an item begins. */
  function passOpening(code: number): boolean {
    const begins = code === openObject && item === undefined && isInList()
    open.push(code)
    return begins
  }

  /** True where an item ends. */
  function passClosing(): boolean {
    open.pop()
    return item !== undefined && isInList()
  }

  return {
    read(text) {
      let from = 0
      for (let at = 0; at < text.length; at += 1) {
        const code = text.charCodeAt(at)
        if (inText) passText(code)
        else if (code === quote) inText = true
        else if (isOpening(code) && passOpening(code)) {
          // Something in its place, so that what is around stays JSON.
          add(`${text.slice(from, at)}0`)
          item = ''
          from = at
        } else if (isClosing(code) && passClosing()) {
          add(text.slice(from, at + 1))
          onItem(parse(item!))
          item = undefined
          from = at + 1
        }
      }
      add(text.slice(from))
    },
    end() {
      const document = parse(around)
      const lists = Array.isArray(document) ? [document] : Object.values(document)
      if (lists.some(Array.isArray)) return document
      throw nonsense('What it answered is no list of models.')
    },
  }
}

const isOpening = (code: number) => code === openList || code === openObject
const isClosing = (code: number) => code === closeList || code === closeObject

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {}
  throw nonsense('What it answered is no list of models.')
}

const nonsense = (message: string) => new KnownFailure('bad_response', message)
