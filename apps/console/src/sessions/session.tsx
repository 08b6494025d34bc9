import { Badge } from '@mantine/core'
import type { TranscriptItem } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useLayoutEffect, useRef } from 'react'
import { outlast } from '../client.ts'
import { Failure, Screen } from '../shell/screen.tsx'
import { Composer } from './composer.tsx'
import { Item } from './items.tsx'
import { useTranscript } from './use-transcript.ts'

/** One conversation, live. */
export function SessionScreen() {
  const { sessionId } = useParams({ from: '/sessions/$sessionId' })
  const { transcript, isConnected, isLoaded, error } = useTranscript(sessionId)
  const session = useQuery({
    queryKey: ['session', sessionId],
    queryFn: ({ signal }) => outlast.sessions.get(sessionId, { signal }),
  })
  const box = useStickyEnd(transcript)
  if (error) {
    return <Failure error={error} />
  }
  return (
    <Screen
      title={session.data?.title ?? session.data?.preview ?? 'Session'}
      actions={
        <>
          {!isConnected && <Badge color="yellow">Connecting</Badge>}
          <Badge color={transcript.status === 'active' ? 'green' : 'gray'} variant="light">
            {transcript.status}
          </Badge>
        </>
      }
    >
      <div ref={box} className="scroll">
        <div className="conversation" role="log" aria-busy={!isLoaded}>
          {transcript.sections.map((section, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: sections stand where they stand
            <Section key={at} items={section} sessionId={sessionId} />
          ))}
        </div>
      </div>
      <Composer sessionId={sessionId} isActive={transcript.status === 'active'} />
    </Screen>
  )
}

function Section({ items, sessionId }: { items: readonly TranscriptItem[]; sessionId: string }) {
  return items.map((item) => <Item key={item.key} item={item} sessionId={sessionId} />)
}

const nearPx = 80

/** Stays at the end while somebody is there, and lets them read above it. */
function useStickyEnd(transcript: unknown) {
  const box = useRef<HTMLDivElement>(null)
  const isAtEnd = useRef(true)
  useLayoutEffect(() => {
    const element = box.current
    if (!element) return
    const look = () => {
      const { scrollHeight, scrollTop, clientHeight } = element
      isAtEnd.current = scrollHeight - scrollTop - clientHeight < nearPx
    }
    element.addEventListener('scroll', look, { passive: true })
    return () => element.removeEventListener('scroll', look)
  }, [])
  // biome-ignore lint/correctness/useExhaustiveDependencies: whatever was added may have moved the end
  useLayoutEffect(() => {
    if (isAtEnd.current) box.current?.scrollTo({ top: box.current.scrollHeight })
  }, [transcript])
  return box
}
