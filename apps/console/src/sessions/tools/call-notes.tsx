import type { ToolCallItem } from '@outlast/sdk'

/** How far a call is, and the decision about it. */
export function CallNotes({ item: { status, progress, approval } }: { item: ToolCallItem }) {
  const asks = status === 'waiting' && approval?.state === 'requested'
  return (
    <>
      {status === 'running' && progress && <Progress {...progress} />}
      {approval && !asks && <Decision approval={approval} />}
    </>
  )
}

function Progress({ progress, total, message }: NonNullable<ToolCallItem['progress']>) {
  return (
    <div className="how-far">
      {total !== undefined && total > 0 && (
        <progress value={progress} max={total} aria-label="Progress" />
      )}
      <span>{message ?? (total === undefined ? progress : `${progress} of ${total}`)}</span>
    </div>
  )
}

function Decision({
  approval: { state, reason, decidedBy },
}: {
  approval: NonNullable<ToolCallItem['approval']>
}) {
  const by = decidedBy?.name ? ` by ${decidedBy.name}` : ''
  const sentences = {
    requested: 'No decision was made.',
    approved: `Approved${by}.`,
    denied: `Denied${by}${reason ? `: ${reason}` : '.'}`,
    expired: 'Expired without a decision.',
  }
  return <div className="decided">{sentences[state]}</div>
}
