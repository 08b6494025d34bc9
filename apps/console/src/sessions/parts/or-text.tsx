import { CatchBoundary } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { LongText } from './long-text.tsx'

type OrTextProps = { name: string; text: string; of: unknown; children: ReactNode }

/** Shows plain text in place of a part that throws an error, until `of` changes. */
export const OrText = ({ name, text, of, children }: OrTextProps) => (
  <CatchBoundary
    getResetKey={() => of}
    errorComponent={() => (
      <>
        <div className="told">
          Shown as plain text after an error. Reload the page to try again.
        </div>
        <LongText name={`plain ${name}`} text={text} />
      </>
    )}
  >
    {children}
  </CatchBoundary>
)
