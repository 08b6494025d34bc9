import { useNavigate, useSearch } from '@tanstack/react-router'
import { Empty } from '../shell/screen.tsx'
import { Playground } from './playground.tsx'
import { PreviewPanel } from './preview.tsx'
import type { AgentForm } from './use-agent-form.ts'

export type Side = 'playground' | 'preview'

/** Switches between `first`, playground and preview. On a phone they replace each other. */
export function Sides({ isNew, first }: { isNew: boolean; first: string }) {
  const { side } = useSearch({ strict: false })
  const navigate = useNavigate()
  const go = (next: Side | undefined) =>
    navigate({ to: '.', search: (before: object) => ({ ...before, side: next }), replace: true })
  const shown = side ?? standardOf(isNew)
  return (
    <nav className="agent-sides" aria-label="Side panel">
      <button
        type="button"
        className="only-narrow"
        aria-pressed={side === undefined}
        onClick={() => go(undefined)}
      >
        {first}
      </button>
      {(['playground', 'preview'] as const).map((one) => (
        <button
          key={one}
          type="button"
          aria-pressed={side === one}
          data-shown={shown === one}
          onClick={() => go(one)}
        >
          {one === 'preview' ? 'Preview' : 'Playground'}
        </button>
      ))}
    </nav>
  )
}

const standardOf = (isNew: boolean): Side => (isNew ? 'preview' : 'playground')

type AsideProps = { form: Pick<AgentForm, 'base' | 'isDirty' | 'preview'> }

export function Aside({ form: { base, isDirty, preview } }: AsideProps) {
  const { side } = useSearch({ strict: false })
  const shown = side ?? standardOf(!base)
  return (
    <aside className="agent-aside" aria-label="Side panel">
      {shown === 'preview' ? (
        <PreviewPanel
          preview={preview.data}
          error={preview.error}
          isFetching={preview.isFetching}
        />
      ) : base ? (
        <Playground agentId={base.id} isDirty={isDirty} />
      ) : (
        <Empty title="No agent to test yet">Create the agent, then test it here.</Empty>
      )}
    </aside>
  )
}
