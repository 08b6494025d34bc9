import type { AgentMessage } from '@outlast/sdk'
import { ReplyFacts } from './facts.tsx'
import { FeedbackLines, Thumbs, useOwnFeedback } from './feedback.tsx'
import { MessageActions, Regenerate } from './message-actions.tsx'

/** Facts, actions and ratings of a complete reply. */
export function ReplyLine({ item, id }: { item: AgentMessage; id: string }) {
  const { text, turnId } = item
  const feedback = useOwnFeedback(item)
  return (
    <>
      <div className="message-line">
        <ReplyFacts item={item} />
        <Thumbs of={feedback} />
        <MessageActions messageId={id} text={text}>
          {turnId && <Regenerate turnId={turnId} />}
        </MessageActions>
      </div>
      <FeedbackLines of={feedback} />
    </>
  )
}
