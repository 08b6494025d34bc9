import '../sessions/session.css'
import { useQuery } from '@tanstack/react-query'
import { useMemo, useRef } from 'react'
import { sessionQuery } from '../queries/sessions.ts'
import { useAttachments } from '../sessions/composer/attachments.ts'
import { Composer } from '../sessions/composer/composer.tsx'
import { useOutgoing } from '../sessions/composer/outbox.ts'
import { Conversation } from '../sessions/conversation/conversation.tsx'
import { useTranscript } from '../sessions/conversation/use-transcript.ts'
import { Keeping } from '../sessions/parts/kept.tsx'
import { SessionPlace } from '../sessions/parts/session-place.tsx'
import { Failure } from '../shell/screen/screen.tsx'

/** A conversation in a side panel. */
export function SideTalk({ sessionId }: { sessionId: string }) {
  const { transcript, events, isLoaded, error } = useTranscript(sessionId)
  const session = useQuery(sessionQuery(sessionId)).data
  const outgoing = useOutgoing(sessionId, events)
  const attachments = useAttachments(sessionId)
  const now = useRef(events)
  now.current = events
  const place = useMemo(() => ({ sessionId, eventsNow: () => now.current }), [sessionId])
  if (error) return <Failure error={error} />
  return (
    <Keeping>
      <SessionPlace value={place}>
        <Conversation
          transcript={transcript}
          outgoing={outgoing}
          isLoaded={isLoaded}
          messageId={undefined}
        />
        <Composer
          session={session}
          sessionId={sessionId}
          isActive={transcript.status === 'active'}
          attachments={attachments}
        />
      </SessionPlace>
    </Keeping>
  )
}
