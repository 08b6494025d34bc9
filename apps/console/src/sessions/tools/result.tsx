import type { ToolCallItem } from '@outlast/sdk'
import { Suspense, useMemo } from 'react'
import { lazyPart } from '../../shell/screen/lazy-part.ts'
import { OrText } from '../parts/or-text.tsx'
import { Picture } from '../parts/picture.tsx'
import { changesIn } from './changes.ts'
import { Json, ResultText } from './json.tsx'
import { ResultFigure } from './result-figure.tsx'
import type { ResultView } from './result-view.ts'

const DiffFigure = lazyPart(() =>
  import('./diff-figure.tsx').then((all) => ({ default: all.DiffFigure })),
)

type ResultProps = {
  /** Unique in the session. */
  name: string
  call: Pick<ToolCallItem, 'id' | 'result'>
  view: ResultView | undefined
}

/** The part that a view shows. */
const firstTextOf = ([part]: NonNullable<ToolCallItem['result']> = []) =>
  part?.type === 'text' ? part.text : ''

/** The result of a call: the view of its first part, and its other parts. */
export const Result = ({ name, call: { id, result }, view }: ResultProps) => (
  <>
    {view && (
      <OrText name={`${name} result`} text={firstTextOf(result)} of={view}>
        <ResultFigure name={name} callId={id} view={view} />
      </OrText>
    )}
    {result?.map((part, at) => {
      if (view && at === 0) return null
      const key = `${name} result ${at}`
      if (part.type === 'image') return <Picture key={key} part={part} name="Result" />
      if (part.type === 'text')
        return <ResultText key={key} name={key} label="Result" text={part.text} />
      return <Json key={key} name={key} label="Result" value={part} />
    })}
  </>
)

type ArgumentsProps = {
  name: string
  given: ToolCallItem['arguments']
  /** Arguments that the view of the result shows. */
  shown?: readonly string[]
}

const none: readonly string[] = []

/** The arguments of a call. Those of an edit are compared as texts. */
export function Arguments({ name, given, shown = none }: ArgumentsProps) {
  const change = useMemo(() => (shown.length === 0 ? changesIn(given) : undefined), [shown, given])
  const seen = change?.shown ?? shown
  const others = Object.entries(given).filter(([field]) => !seen.includes(field))
  return (
    <>
      {change && (
        <Suspense>
          <DiffFigure name={name} {...change} />
        </Suspense>
      )}
      {(seen.length === 0 || others.length > 0) && (
        <Json
          name={`${name} arguments`}
          label={seen.length === 0 ? 'Arguments' : 'Other arguments'}
          value={Object.fromEntries(others)}
        />
      )}
    </>
  )
}
