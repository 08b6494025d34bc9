import { VisuallyHidden } from '@mantine/core'
import type { Transcript, TranscriptItem } from '@outlast/sdk'
import { useEffect, useRef, useState } from 'react'

type Speech = { key: string; text: string }

/** What is longer is read in the conversation itself, where one can stop. */
const lengthMax = 500

/**
 * Announces new messages to screen readers, each once and whole. The log cannot be a live region:
 * streamed text would be read in pieces, and rows that scrolling renders again would be repeated.
 * Contract: messages of the first render are not announced.
 */
export function Announcer({ transcript }: { transcript: Transcript }) {
  const [text, setText] = useState('')
  const told = useRef<Set<string>>(undefined)
  const speeches = [lastSaid(transcript), waiting(transcript)].filter((one) => one !== undefined)
  const latest = useRef(speeches)
  latest.current = speeches
  // biome-ignore lint/correctness/useExhaustiveDependencies: news have new keys
  useEffect(() => {
    const isFirst = told.current === undefined
    const known = told.current ?? new Set()
    told.current = known
    for (const { key, text } of latest.current) {
      if (!isFirst && !known.has(key)) setText(text)
      known.add(key)
    }
  }, [speeches.map(({ key }) => key).join()])
  return <VisuallyHidden role="status">{text}</VisuallyHidden>
}

function lastSaid({ sections }: Transcript): Speech | undefined {
  const item = sections.at(-1)?.findLast((one) => speechOf(one) !== '')
  return item && { key: item.key, text: speechOf(item).slice(0, lengthMax) }
}

function speechOf(item: TranscriptItem): string {
  if (item.kind === 'agent_message') return item.isStreaming ? '' : item.text
  if (item.kind !== 'notice') return ''
  if (item.type === 'turn.failed') return `The turn failed. ${item.data.error}`
  return item.type === 'turn.cancelled' ? 'The turn was cancelled.' : ''
}

function waiting({ waitingFor }: Transcript): Speech | undefined {
  if (waitingFor.length === 0) return undefined
  const names = waitingFor.map(({ name }) => name).join(', ')
  return {
    key: waitingFor.map(({ key }) => key).join(),
    text: `Your answer is needed: ${names}`,
  }
}
