import { KnownFailure } from './failure.ts'

/** Limit of the text of one item, and of the text around the items. */
const lengthMax = 1024 * 1024

const [quote, backslash] = [0x22, 0x5c]
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d]

export type ItemReader = {
  /** Reads the next piece of the document. */
  read: (text: string) => void
  /** Returns the document without its items. Contract: throws KnownFailure if it has no list. */
  end: () => Record<string, unknown>
}

/**
 * Parses the objects of a JSON list one by one as the document arrives, so that a long list is
 * never held or parsed as a whole. The list is the document or a field of it.
 * Contract: calls `onItem` for each; throws KnownFailure for invalid JSON and for too long text.
 */
export function createItemReader(onItem: (item: Record<string, unknown>) => void): ItemReader {
  /** Open brackets at the current position. */
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
    if ((item ?? around).length > lengthMax)
      throw nonsense('The list of models has an entry that is too long.')
  }

  function passText(code: number) {
    if (escaped) escaped = false
    else if (code === backslash) escaped = true
    else if (code === quote) inText = false
  }

  /** True at the start of an item. */
  function passOpening(code: number): boolean {
    const begins = code === openObject && item === undefined && isInList()
    open.push(code)
    return begins
  }

  /** True at the end of an item. */
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
          // A placeholder keeps the text around the item valid JSON.
          add(`${text.slice(from, at)}0`)
          item = ''
          from = at
        } else if (isClosing(code) && passClosing()) {
          add(text.slice(from, at + 1))
          onItem(parseObject(item!))
          item = undefined
          from = at + 1
        }
      }
      add(text.slice(from))
    },
    end() {
      const document = parseObject(around)
      const lists = Array.isArray(document) ? [document] : Object.values(document)
      if (lists.some(Array.isArray)) return document
      throw nonsense('The response is not a list of models.')
    },
  }
}

const isOpening = (code: number) => code === openList || code === openObject
const isClosing = (code: number) => code === closeList || code === closeObject

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {}
  throw nonsense('The response is not a list of models.')
}

const nonsense = (message: string) => new KnownFailure('bad_response', message)
