import type { ToolCallItem } from '@outlast/sdk'
import { useMemo } from 'react'
import { Picture } from '../conversation/picture.tsx'
import { Json, ResultText } from './json.tsx'
import { ResultFigure } from './result-figure.tsx'
import { viewOf } from './result-view.ts'

/** The arguments and the result of a call. */
export function Inside({ item }: { item: ToolCallItem }) {
  const { id, arguments: given, result } = item
  const view = useMemo(() => viewOf(item), [item])
  if (view?.kind === 'terminal' || (view?.kind === 'file' && view.isWritten)) {
    return (
      <div className="tool-inside">
        <ResultFigure name={id} view={view} />
      </div>
    )
  }
  return (
    <div className="tool-inside">
      <Json name={`${id} arguments`} label="Arguments" value={given} />
      {view && <ResultFigure name={id} view={view} />}
      {result?.map((part, at) => {
        const name = `${id} result ${at}`
        if (part.type === 'image') return <Picture key={name} part={part} name="Result" />
        if (view) return null
        if (part.type === 'text')
          return <ResultText key={name} name={name} label="Result" text={part.text} />
        return <Json key={name} name={name} label="Result" value={part} />
      })}
    </div>
  )
}
