import './difference.css'
import { escaped } from './escapes.ts'
import type { DiffLine } from './line-diff.ts'

/** `head`: a line between the parts of a comparison. */
export type DifferenceLine = DiffLine | { kind: 'head'; text: string }

const marks = { same: ' ', added: '+', gone: '−', head: ' ' }

/** Lines of a comparison. The marks and the colors have the same meaning. */
export const Difference = ({ lines }: { lines: readonly DifferenceLine[] }) => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard must reach it
  <pre className="difference" tabIndex={0}>
    {lines.map(({ kind, text }, at) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: lines do not move
      <span key={at} data-kind={kind}>
        {marks[kind]} {escaped(text)}
      </span>
    ))}
  </pre>
)
