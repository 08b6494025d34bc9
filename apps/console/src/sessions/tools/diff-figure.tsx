import { Button } from '@mantine/core'
import { useMemo } from 'react'
import { Difference } from '../../shell/text/difference.tsx'
import { escaped } from '../../shell/text/escapes.ts'
import { CopyAction } from '../parts/action.tsx'
import { useKept } from '../parts/kept.tsx'
import type { TextChange } from './changes.ts'
import { linesOfChanges, linesOfPatch } from './diff-lines.ts'

const linesMax = 200
const none: readonly TextChange[] = []

type DiffFigureProps = {
  /** Unique in the session. */
  name: string
  path?: string | undefined
  changes?: readonly TextChange[]
  patch?: string | undefined
}

/** Changes of a text, or a patch, as removed and added lines. */
export function DiffFigure({ name, path, changes = none, patch }: DiffFigureProps) {
  const [isWhole, setWhole] = useKept(`diff ${name}`, false)
  const lines = useMemo(
    () => (patch === undefined ? linesOfChanges(changes) : linesOfPatch(patch)),
    [changes, patch],
  )
  const count = (kind: string) => lines.filter((line) => line.kind === kind).length
  return (
    <div>
      <div className="json-head">
        <span>
          {path && <span className="mono">{escaped(path)} </span>}
          {count('added').toLocaleString('en')} added, {count('gone').toLocaleString('en')} removed
        </span>
        <CopyAction
          label={patch === undefined ? 'Copy new text' : 'Copy patch'}
          icon="copy"
          text={patch ?? changes.map(({ after }) => after).join('\n')}
        />
      </div>
      <Difference lines={isWhole ? lines : lines.slice(0, linesMax)} />
      {lines.length > linesMax && (
        <Button size="compact-xs" variant="default" mt={4} onClick={() => setWhole(!isWhole)}>
          {isWhole ? 'Show less' : `Show all ${lines.length.toLocaleString('en')} lines`}
        </Button>
      )}
    </div>
  )
}
