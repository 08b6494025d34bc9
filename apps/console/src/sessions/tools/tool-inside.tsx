import type { ToolCallItem } from '@outlast/sdk'
import { useMemo } from 'react'
import { Arguments, Result } from './result.tsx'
import { type ResultView, viewOf } from './result-view.ts'

/** The arguments and the result of a call. */
export function Inside({ item }: { item: ToolCallItem }) {
  const view = useMemo(() => viewOf(item), [item])
  return (
    <div className="tool-inside">
      <Arguments name={item.id} given={item.arguments} shown={shownBy(view)} />
      <Result name={item.id} call={item} view={view} />
    </div>
  )
}

/** Arguments that the view of a result shows. */
function shownBy(view: ResultView | undefined): readonly string[] | undefined {
  if (view?.kind === 'terminal') return terminalArguments
  return view?.kind === 'file' && view.isWritten ? fileArguments : undefined
}

const terminalArguments = ['command']
const fileArguments = ['path', 'content', 'encoding']
