import './manage.css'
import type { ReactNode } from 'react'

export type StateKind = 'good' | 'busy' | 'warn' | 'bad' | 'off'

/** A status with its color. Text begins with a capital letter. */
export const State = ({ kind, children }: { kind: StateKind; children: ReactNode }) => (
  <span className="state" data-kind={kind}>
    {typeof children === 'string' ? capitalized(children) : children}
  </span>
)

const capitalized = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1)

/** A list item: name, facts, actions, and the result of the last action. */
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
  /** The accessible name. */
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
