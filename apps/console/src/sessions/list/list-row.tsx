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
  /** Created while the list was open. */
  isNew: boolean
  /** Number of messages stored only in this browser. */
  unsentCount: number
  select: (index: number, isRange: boolean) => void
}

/** One session of the list. Kept simple: scrolling renders several rows per frame. */
export const Row = memo(
  ({ session, index, agentName, isSelected, isNew, unsentCount, select }: RowProps) => {
    const name = session.title ?? session.preview ?? 'No messages yet'
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

/** Placeholder for a row that is loading. */
export const RowToCome = () => (
  <div className="session-row to-come" aria-hidden="true">
    <span />
    <span />
  </div>
)
