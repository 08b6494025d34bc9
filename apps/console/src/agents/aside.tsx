import { useMediaQuery } from '@mantine/hooks'
import { useSearch } from '@tanstack/react-router'
import { Empty } from '../shell/screen/screen.tsx'
import { Tabs } from '../shell/screen/tabs.tsx'
import { CodePanel } from './code-panel.tsx'
import { Playground } from './playground.tsx'
import { PreviewPanel } from './preview.tsx'
import type { AgentForm } from './use-agent-form.ts'

export type Side = 'playground' | 'preview' | 'code'

/** Switches between playground, preview and code. On a phone they replace `first`. */
export function Sides({ isNew, first }: { isNew: boolean; first: string }) {
  const { side } = useSearch({ strict: false })
  const isNarrow = useMediaQuery('(max-width: 1000px)', false, { getInitialValueInEffect: false })
  return (
    <Tabs<Side | undefined>
      label="Side panel"
      tabs={isNarrow ? [{ tab: undefined, label: first }, ...sides] : sides}
      current={side ?? (isNarrow ? undefined : standardOf(isNew))}
      param="side"
      isKeeping
    />
  )
}

const sides: { tab: Side; label: string }[] = [
  { tab: 'playground', label: 'Playground' },
  { tab: 'preview', label: 'Preview' },
  { tab: 'code', label: 'Code' },
]

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
      ) : base && shown === 'code' ? (
        <CodePanel agentId={base.id} />
      ) : base ? (
        <Playground agentId={base.id} isDirty={isDirty} />
      ) : (
        <Empty title="No agent yet">Create the agent, then test and call it here.</Empty>
      )}
    </aside>
  )
}
