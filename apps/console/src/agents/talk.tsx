import '../sessions/session.css'
import { useMemo, useRef } from 'react'
import { useAttachments } from '../sessions/attachments.ts'
import { Composer } from '../sessions/composer.tsx'
import { Conversation } from '../sessions/conversation.tsx'
import { Keeping } from '../sessions/kept.tsx'
import { useOutgoing } from '../sessions/outbox.ts'
import { SessionPlace } from '../sessions/session-place.tsx'
import { useSession } from '../sessions/use-session.ts'
import { useTranscript } from '../sessions/use-transcript.ts'
import { Failure } from '../shell/screen.tsx'

/** A conversation beside something else. */
export function Talk({ sessionId }: { sessionId: string }) {
  const { transcript, events, isLoaded, error } = useTranscript(sessionId)
  const session = useSession(sessionId).data
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
