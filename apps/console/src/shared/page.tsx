import '../sessions/session.css'
import './shared.css'
import { Title } from '@mantine/core'
import { useDocumentTitle, useHash } from '@mantine/hooks'
import { isOutlastError } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { type ReactNode, useMemo } from 'react'
import { sentenceOf } from '../errors.ts'
import { sharedSessionQuery } from '../queries/shares.ts'
import { ConnectionLost } from '../sessions/connection-lost.tsx'
import { Conversation, useFinding } from '../sessions/conversation/conversation.tsx'
import { type Followed, useTranscript } from '../sessions/conversation/use-transcript.ts'
import { Keeping } from '../sessions/parts/kept.tsx'
import { SessionPlace } from '../sessions/parts/session-place.tsx'
import { Empty } from '../shell/screen/screen.tsx'
import { State } from '../shell/screen/state.tsx'
import { linkClient } from './link-client.ts'

/** Codes of a link that has expired, was revoked or never existed. */
const overCodes = new Set(['invalid_token', 'unauthenticated', 'not_found', 'not_granted'])

/** The session of a link, for anyone with it. The rest of the console is not loaded. */
export function SharedPage() {
  const sessionId = location.pathname.split('/')[2] ?? ''
  const [hash] = useHash({ getInitialValueInEffect: false })
  return (
    <Keeping key={hash}>
      <Shared sessionId={sessionId} token={hash.replace(/^#/, '')} />
    </Keeping>
  )
}

function Shared({ sessionId, token }: { sessionId: string; token: string }) {
  const client = useMemo(() => linkClient(token), [token])
  const { data: session } = useQuery(sharedSessionQuery(client, sessionId))
  const followed = useTranscript(sessionId, client)
  const { error } = followed
  if (isOutlastError(error) && overCodes.has(error.code)) {
    return (
      <Frame>
        <Empty title="This link does not work">
          It has expired or was revoked, or it is not complete. Ask the sender for a new one.
        </Empty>
      </Frame>
    )
  }
  if (error) {
    return (
      <Frame>
        <Empty title={sentenceOf(error)}>Reload the page to try again.</Empty>
      </Frame>
    )
  }
  return (
    <SessionPlace value={{ sessionId, eventsNow: () => [], isReadOnly: true }}>
      <Live heading={session?.title ?? session?.preview} followed={followed} />
    </SessionPlace>
  )
}

type FrameProps = { heading?: string | null | undefined; state?: ReactNode; children: ReactNode }

function Frame({ heading: given, state, children }: FrameProps) {
  const heading = given ?? 'Shared session'
  useDocumentTitle(heading)
  return (
    <main className="shared">
      <header className="shared-head">
        <img src="/favicon.svg" alt="Outlast" width={20} height={20} />
        <Title order={1} size="h5" fw={600} lineClamp={1} flex={1}>
          {heading}
        </Title>
        <span role="status" className="session-now">
          {state}
        </span>
        <span className="shared-note">Read only</span>
      </header>
      {children}
    </main>
  )
}

const noMessages = [] as const

function Live({ heading, followed }: Pick<FrameProps, 'heading'> & { followed: Followed }) {
  const { transcript, isLoaded, isConnected } = followed
  const finding = useFinding()
  const isActive = transcript.status === 'active'
  const state = <State kind={isActive ? 'busy' : 'off'}>{isActive ? 'active' : 'idle'}</State>
  return (
    <Frame heading={heading} state={isLoaded && state}>
      {isLoaded && !isConnected && <ConnectionLost />}
      <Conversation
        transcript={transcript}
        outgoing={noMessages}
        isLoaded={isLoaded}
        messageId={undefined}
        finding={finding}
      />
    </Frame>
  )
}
