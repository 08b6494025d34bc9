import { Badge, VisuallyHidden } from '@mantine/core'
import type { Session } from '@outlast/sdk'
import { Link } from '@tanstack/react-router'
import { type CSSProperties, memo, type ReactNode } from 'react'
import { Icon } from '../../shell/controls/icon.tsx'
import { State } from '../../shell/screen/state.tsx'
import { Ago } from '../../shell/text/ago.tsx'
import { escaped } from '../../shell/text/escapes.ts'
import { Named } from '../../shell/text/identity.tsx'
import type { SessionColumn } from './list-state.ts'
import { plain, spentOf, stateOf } from './row-text.ts'

/** Height of a row in pixels. A phone has two lines per row and no column heads. */
export const rowHeights = { desktop: 40, phone: 56 }

/** Deeper forks are not indented further. */
const depthMax = 4

type RowProps = {
  session: Session
  index: number
  /** Number of sources of the fork that are shown above it. */
  depth: number
  columns: readonly SessionColumn[]
  agentName: string | undefined
  modelName: string | undefined
  isSelected: boolean
  /** Created while the list was open. */
  isNew: boolean
  /** Number of messages stored only in this browser. */
  unsentCount: number
  select: (index: number, isRange: boolean) => void
}

/** One session of the list. Kept simple: scrolling renders several rows per frame. */
export const Row = memo((props: RowProps) => {
  const { session, index, depth, isSelected, isNew, select } = props
  const name = escaped(session.title ?? session.preview ?? 'No messages yet')
  return (
    <div
      className="session-row"
      data-selected={isSelected}
      data-new={isNew}
      data-superseded={session.superseded_by !== null}
      style={{ '--depth': Math.min(depth, depthMax) } as CSSProperties}
    >
      <label className="session-check">
        <input
          type="checkbox"
          className="session-box"
          aria-label={`Select ${name}`}
          checked={isSelected}
          readOnly
          onClick={(event) => select(index, event.shiftKey)}
          tabIndex={-1}
        />
      </label>
      <Link
        to="/sessions/$sessionId"
        params={{ sessionId: session.id }}
        data-index={index}
        className="session-link"
        preload={false}
      >
        <span className="session-text">
          <Origin session={session} depth={depth} />
          <span className="session-name">{name}</span>
          <Found session={session} />
          <Tags session={session} />
        </span>
        {props.columns.map(({ id }) => (
          <span key={id} className={`session-${id}`}>
            {cells[id](props)}
          </span>
        ))}
      </Link>
    </div>
  )
})

/** Marks forks, and sessions that another one has replaced. */
function Origin({ session, depth }: { session: Session; depth: number }) {
  const { forked_from, superseded_by } = session
  if (!forked_from && !superseded_by) return null
  const words = [
    forked_from && depth === 0 && `Fork of ${forked_from.session_id}`,
    forked_from && depth > 0 && 'Fork of the session above',
    superseded_by && 'Superseded by a retake',
  ].filter((text): text is string => typeof text === 'string')
  return (
    <span className="session-origin" title={words.join('. ')}>
      {forked_from && <Icon name="fork" size={12} />}
      {superseded_by && 'superseded'}
      {forked_from &&
        !superseded_by &&
        depth === 0 &&
        `fork of …${forked_from.session_id.slice(-6)}`}
      <VisuallyHidden>{words.join('. ')}. </VisuallyHidden>
    </span>
  )
}

/** The words that a search found, else the latest reply. */
const Found = ({ session: { match, output_preview } }: { session: Session }) => (
  <span className="session-reply">
    {match
      ? match.snippet.map(({ text, is_match }, at) =>
          // biome-ignore lint/suspicious/noArrayIndexKey: the parts of one text do not move
          is_match ? <mark key={at}>{escaped(text)}</mark> : escaped(text),
        )
      : escaped(plain(output_preview ?? ''))}
  </span>
)

const Tags = ({ session: { tags } }: { session: Session }) =>
  tags.length > 0 && (
    <span className="session-tags">
      {tags.slice(0, 2).map((tag) => (
        <Badge key={tag} size="xs" variant="default">
          {tag}
        </Badge>
      ))}
    </span>
  )

const cells: Record<SessionColumn['id'], (props: RowProps) => ReactNode> = {
  agent: ({ agentName }) => agentName && <Named name={agentName} />,
  user: ({ session }) => session.user,
  model: ({ modelName }) => modelName && <Named name={modelName} icon="model" />,
  status({ session, unsentCount }) {
    if (unsentCount > 0) return <State kind="warn">{unsentCount} not sent</State>
    const [kind, word] = stateOf(session)
    return <State kind={kind}>{word}</State>
  },
  usage: ({ session }) => spentOf(session),
  activity: ({ session }) => <Ago at={session.updated_at} />,
  created: ({ session }) => <Ago at={session.created_at} />,
}

/** Placeholder for a row that is loading. */
export const RowToCome = () => (
  <div className="session-row to-come" aria-hidden="true">
    <span />
    <span />
  </div>
)
