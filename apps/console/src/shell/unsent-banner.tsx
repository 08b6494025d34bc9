import { Anchor } from '@mantine/core'
import { Link, useLocation } from '@tanstack/react-router'
import { type Outgoing, useUnsent } from '../sessions/composer/outbox.ts'
import { Unsent } from '../sessions/conversation/outgoing.tsx'

/** Unsent messages that the screen does not show: of new sessions, and of other sessions. */
export function UnsentBanner() {
  const unsent = useUnsent()
  const { pathname } = useLocation()
  const created = unsent.filter(({ sessionId }) => sessionId === null)
  const elsewhere = unsent.filter(
    ({ sessionId, state }) =>
      sessionId !== null && state !== 'waiting' && pathname !== `/sessions/${sessionId}`,
  )
  return (
    <>
      {created.map((outgoing) => (
        <div key={outgoing.id} className="banner unsent">
          <div>
            New session: “{outgoingPreview(outgoing)}”
            <Unsent outgoing={outgoing} />
          </div>
        </div>
      ))}
      {elsewhere[0] && (
        <div className="banner">
          <span>
            {elsewhere.length === 1 ? 'A message was' : `${elsewhere.length} messages were`} not
            sent.
          </span>
          <Anchor
            size="sm"
            renderRoot={(props) => (
              <Link
                to="/sessions/$sessionId"
                params={{ sessionId: elsewhere[0]!.sessionId! }}
                {...props}
              />
            )}
          >
            View session
          </Anchor>
        </div>
      )}
    </>
  )
}

const lengthMax = 120

function outgoingPreview({ body }: Outgoing): string {
  const text = body.message.content.map((part) => (part.type === 'text' ? part.text : '')).join(' ')
  return text.length > lengthMax ? `${text.slice(0, lengthMax)}…` : text
}
