import { Loader, VisuallyHidden } from '@mantine/core'
import type { WritingCall } from '@outlast/sdk'
import { escaped } from '../../shell/text/escapes.ts'

/** End of long arguments that is shown while they grow. */
const shownLengthMax = 400

/** A tool call while the model writes its arguments. */
export function WritingCallLine({ call: { name, input } }: { call: WritingCall }) {
  const isCut = input.length > shownLengthMax
  return (
    <div className="tool running">
      <div className="tool-head">
        <Loader size={13} aria-hidden="true" />
        <span className="tool-name">{name}</span>
        <VisuallyHidden>The agent is writing the arguments</VisuallyHidden>
        <span className="tool-gist">
          {isCut && '…'}
          {escaped(input.slice(-shownLengthMax))}
        </span>
      </div>
    </div>
  )
}
