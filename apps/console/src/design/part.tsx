import type { ReactNode } from 'react'

/** A section of the page of all parts. */
export const Part = ({ name, children }: { name: string; children: ReactNode }) => (
  <section aria-label={name}>
    <h2>{name}</h2>
    {children}
  </section>
)
