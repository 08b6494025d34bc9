import './find-bar.css'
import { TextInput } from '@mantine/core'
import type { TranscriptItem } from '@outlast/sdk'
import { type RefObject, useDeferredValue, useEffect, useMemo, useRef, useState } from 'react'
import { Action } from '../parts/action.tsx'
import { firstFrom, matchesIn } from './find.ts'

type FindBarProps = {
  lines: readonly { item?: TranscriptItem }[]
  /** The element with the rendered rows. */
  box: RefObject<HTMLElement | null>
  /** Position of the first row in view. */
  first: () => number
  /** Shows a row; undefined: none is a match. */
  show: (at: number | undefined) => void
  close: () => void
  /** Text that was typed before the bar was loaded. */
  initial: string
}

/** Searches in a conversation and goes from match to match. */
export function FindBar({ lines, box, first, show, close, initial }: FindBarProps) {
  const [text, setText] = useState(initial)
  const wanted = useDeferredValue(text)
  const matches = useMemo(
    () =>
      matchesIn(
        lines.map(({ item }) => item),
        wanted,
      ),
    [lines, wanted],
  )
  const [place, setPlace] = useState(0)
  const field = useRef<HTMLInputElement>(null)
  const at = Math.min(place, Math.max(0, matches.length - 1))
  const latest = useRef({ matches, first, show })
  latest.current = { matches, first, show }
  // biome-ignore lint/correctness/useExhaustiveDependencies: only another text begins a search
  useEffect(() => {
    const { matches, first, show } = latest.current
    const begin = firstFrom(matches, first())
    setPlace(begin)
    show(matches[begin])
  }, [wanted])
  // Not `autoFocus`: a menu returns the focus unless it moves after the menu's effects.
  useEffect(() => field.current?.focus(), [])
  useHighlights(box, wanted)
  function go(by: number) {
    const next = (at + by + matches.length) % matches.length
    if (matches.length === 0) return
    setPlace(next)
    show(matches[next])
  }
  const [opener] = useState(() => document.activeElement as HTMLElement | null)
  function leave() {
    show(undefined)
    close()
    opener?.focus({ preventScroll: true })
  }
  return (
    <search className="find-bar" aria-label="Find in conversation">
      <TextInput
        ref={field}
        size="xs"
        aria-label="Find in conversation"
        placeholder="Find in conversation"
        value={text}
        onChange={({ currentTarget }) => setText(currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') go(event.shiftKey ? -1 : 1)
          else if (event.key === 'Escape') leave()
          else return
          event.preventDefault()
        }}
      />
      <span role="status" className="find-count">
        {wanted.trim() !== '' &&
          (matches.length === 0 ? 'No matches' : `${at + 1} of ${matches.length}`)}
      </span>
      <Action label="Previous match" icon="up" onClick={() => go(-1)} />
      <Action label="Next match" icon="down" onClick={() => go(1)} />
      <Action label="Close" icon="close" onClick={leave} />
    </search>
  )
}

const highlightName = 'outlast-find'
const rangesMax = 2_000

/** Marks the text in the rendered rows, also in those that are rendered later. */
function useHighlights(box: RefObject<HTMLElement | null>, wanted: string) {
  useEffect(() => {
    const root = box.current
    const text = wanted.trim().toLowerCase()
    if (!root || text === '' || !('highlights' in CSS)) return
    const mark = () => CSS.highlights.set(highlightName, new Highlight(...rangesOf(root, text)))
    mark()
    const watch = new MutationObserver(mark)
    watch.observe(root, { childList: true, subtree: true, characterData: true })
    return () => {
      watch.disconnect()
      CSS.highlights.delete(highlightName)
    }
  }, [box, wanted])
}

function rangesOf(root: HTMLElement, text: string): Range[] {
  const ranges: Range[] = []
  const nodes = document.createTreeWalker(root, NodeFilter.SHOW_TEXT)
  while (ranges.length < rangesMax && nodes.nextNode()) {
    const node = nodes.currentNode as Text
    const content = node.data.toLowerCase()
    // Some letters have another length in lower case. Their positions do not fit the node.
    if (content.length !== node.data.length) continue
    for (let at = content.indexOf(text); at !== -1; at = content.indexOf(text, at + text.length)) {
      const range = new Range()
      range.setStart(node, at)
      range.setEnd(node, at + text.length)
      ranges.push(range)
    }
  }
  return ranges
}
