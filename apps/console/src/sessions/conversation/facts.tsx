import type { AgentMessage, UserMessage } from '@outlast/sdk'
import { Named } from '../../shell/text/identity.tsx'
import { shortCount, shortDollars } from '../../shell/text/money.ts'
import { exactTimeOf } from '../../shell/text/times.ts'
import { usePlace } from '../parts/session-place.tsx'

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })

const Time = ({ at }: { at: string }) => (
  <time dateTime={at} title={exactTimeOf(at)}>
    {clock.format(new Date(at))}
  </time>
)

/** Who wrote a message, and when. */
export const MessageFacts = ({ item: { at, author } }: { item: UserMessage }) => (
  <span className="message-facts">
    <Time at={at} />
    {author && <span>{author}</span>}
  </span>
)

/** When a reply was written, by which agent and model, and what it cost. */
export function ReplyFacts({ item: { at, model, usage } }: { item: AgentMessage }) {
  const { agentName } = usePlace()
  return (
    <span className="message-facts">
      <Time at={at} />
      {agentName && <Named name={agentName} />}
      {model && <Named name={model} icon="model" />}
      {usage && (
        <span
          title={`${usage.input_tokens.toLocaleString('en')} input tokens, ${usage.output_tokens.toLocaleString('en')} output tokens`}
        >
          {shortCount(usage.input_tokens + usage.output_tokens)} tokens
        </span>
      )}
      {usage?.cost_usd !== undefined && <span>{shortDollars(usage.cost_usd)}</span>}
    </span>
  )
}
