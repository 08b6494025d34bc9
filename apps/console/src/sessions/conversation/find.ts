import type { TranscriptItem } from '@outlast/sdk'

const texts = new WeakMap<TranscriptItem, string>()

/** The text of an item in lower case, arguments and results of tools included. */
function searchTextOfItem(item: TranscriptItem): string {
  const known = texts.get(item) ?? wholeText(item).toLowerCase()
  texts.set(item, known)
  return known
}

function wholeText(item: TranscriptItem): string {
  switch (item.kind) {
    case 'user_message':
      return item.text
    case 'agent_message':
      return `${item.thinking}\n${item.text}`
    case 'tool_call': {
      const results = (item.result ?? []).map((part) => (part.type === 'text' ? part.text : ''))
      return [item.name, JSON.stringify(item.arguments), ...results, item.error ?? ''].join('\n')
    }
    case 'notice':
      return item.type === 'turn.failed' ? item.data.error : ''
  }
}

/** Positions of the items that contain a text, in any case. */
export function matchesIn(
  items: readonly (TranscriptItem | undefined)[],
  wanted: string,
): readonly number[] {
  const text = wanted.trim().toLowerCase()
  if (text === '') return []
  return items.flatMap((item, at) => (item && searchTextOfItem(item).includes(text) ? [at] : []))
}

/** The match to show first: the first one from a position on, else the first of all. */
export const firstFrom = (matches: readonly number[], from: number): number =>
  Math.max(
    0,
    matches.findIndex((at) => at >= from),
  )
