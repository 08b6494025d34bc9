import './manage.css'
import type { ReactNode } from 'react'

export type StateKind = 'good' | 'busy' | 'warn' | 'bad' | 'off'

/** A word of how something is, with its colour. */
export const State = ({ kind, children }: { kind: StateKind; children: ReactNode }) => (
  <span className="state" data-kind={kind}>
    {children}
  </span>
)

/** A line of a list: name, facts, actions, and the result of the last action. */
export function Entry({
  name,
  about,
  side,
  below,
  label,
}: {
  name: ReactNode
  about?: ReactNode
  side?: ReactNode
  below?: ReactNode
  /** What screen readers call it. */
  label: string
}) {
  return (
    <li className="entry" aria-label={label}>
      <div className="entry-main">
        <div className="entry-name">{name}</div>
        {about && <div className="entry-about">{about}</div>}
      </div>
      {side && <div className="entry-side">{side}</div>}
      <div className="entry-below" role="status">
        {below}
      </div>
    </li>
  )
}
