import { VisuallyHidden } from '@mantine/core'
import type { Transcript, TranscriptItem } from '@outlast/sdk'
import { useEffect, useRef, useState } from 'react'

type Announcement = { key: string; text: string }

/** Longer texts are cut. Users read them in the conversation, where they can pause. */
const lengthMax = 500

/**
 * Announces each new complete message to screen readers once. The log itself is not a live region:
 * streamed text would be read in pieces, and rows that scrolling renders again would repeat.
 * Contract: messages of the first render are not announced.
 */
export function Announcer({ transcript }: { transcript: Transcript }) {
  const [spoken, setSpoken] = useState<readonly Announcement[]>([])
  const announced = useRef<Set<string>>(undefined)
  const announcements = [latestMessage(transcript), waiting(transcript)].filter(
    (one) => one !== undefined,
  )
  const latest = useRef(announcements)
  latest.current = announcements
  // biome-ignore lint/correctness/useExhaustiveDependencies: new announcements have new keys
  useEffect(() => {
    const isFirst = announced.current === undefined
    const known = announced.current ?? new Set()
    announced.current = known
    const fresh = latest.current.filter(({ key }) => !known.has(key))
    for (const { key } of fresh) known.add(key)
    if (!isFirst && fresh.length > 0) setSpoken(fresh)
  }, [announcements.map(({ key }) => key).join()])
  return (
    <VisuallyHidden role="status">
      {/* A new element for each, because an equal text in the same element is not announced. */}
      {spoken.map(({ key, text }) => (
        <div key={key}>{text}</div>
      ))}
    </VisuallyHidden>
  )
}

function latestMessage({ sections }: Transcript): Announcement | undefined {
  const item = sections.at(-1)?.findLast((one) => announcementOf(one) !== '')
  return item && { key: item.key, text: announcementOf(item).slice(0, lengthMax) }
}

function announcementOf(item: TranscriptItem): string {
  if (item.kind === 'agent_message') return item.isStreaming ? '' : item.text
  if (item.kind !== 'notice') return ''
  if (item.type === 'turn.failed') return `Turn failed. ${item.data.error}`
  return item.type === 'turn.cancelled' ? 'Turn canceled.' : ''
}

function waiting({ waitingFor }: Transcript): Announcement | undefined {
  if (waitingFor.length === 0) return undefined
  const names = waitingFor.map(({ name }) => name).join(', ')
  return {
    key: waitingFor.map(({ key }) => key).join(),
    text: `Waiting for you: ${names}`,
  }
}
