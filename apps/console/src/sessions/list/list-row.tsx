import { Badge } from '@mantine/core'
import type { Session } from '@outlast/sdk'
import { Link } from '@tanstack/react-router'
import { memo } from 'react'
import { Ago } from '../../shell/ago.tsx'
import { State } from '../../shell/entry.tsx'
import { plain, spentOf, stateOf } from './row-text.ts'

export const rowHeight = 60

type RowProps = {
  session: Session
  index: number
  agentName: string | undefined
  isSelected: boolean
  /** It came while somebody looked. */
  isNew: boolean
  /** Messages of it that this browser has and the server does not. */
  unsentCount: number
  select: (index: number, isRange: boolean) => void
}

/** One session of the list. Kept plain: while a user scrolls, several are created in each frame. */
export const Row = memo(
  ({ session, index, agentName, isSelected, isNew, unsentCount, select }: RowProps) => {
    const name = session.title ?? session.preview ?? 'No message yet'
    const [kind, word] = stateOf(session)
    return (
      <div className="session-row" data-selected={isSelected} data-new={isNew}>
        <input
          type="checkbox"
          className="session-box"
          aria-label={`Select ${name}`}
          checked={isSelected}
          readOnly
          onClick={(event) => select(index, event.shiftKey)}
          tabIndex={-1}
        />
        <Link
          to="/sessions/$sessionId"
          params={{ sessionId: session.id }}
          data-index={index}
          className="session-link"
          preload={false}
        >
          <span className="session-name">{name}</span>
          <span className="session-agent">{agentName ?? ''}</span>
          <span className="session-reply">{plain(session.output_preview ?? '')}</span>
          <span className="session-tags">
            {session.tags.slice(0, 3).map((tag) => (
              <Badge key={tag} size="xs" variant="default">
                {tag}
              </Badge>
            ))}
          </span>
          <span className="session-state">
            {unsentCount > 0 ? (
              <State kind="warn">{unsentCount} not sent</State>
            ) : (
              <State kind={kind}>{word}</State>
            )}
          </span>
          <span className="session-cost">{spentOf(session)}</span>
          <span className="session-ago">
            <Ago at={session.created_at} />
          </span>
        </Link>
      </div>
    )
  },
)

/** A row whose session is on its way. */
export const RowToCome = () => (
  <div className="session-row to-come" aria-hidden="true">
    <span />
    <span />
  </div>
)
