import '../controls/manage.css'
import type { ReactNode } from 'react'

export type StateKind = 'good' | 'busy' | 'warn' | 'bad' | 'off'

/** A status with its color. Text begins with a capital letter. */
export const State = ({ kind, children }: { kind: StateKind; children: ReactNode }) => (
  <span className="state" data-kind={kind}>
    {typeof children === 'string' ? capitalized(children) : children}
  </span>
)

const capitalized = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1)
