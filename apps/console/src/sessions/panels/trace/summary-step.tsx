import { costText } from '../../../shell/text/money.ts'
import { durationOf } from '../../parts/duration.ts'
import { LongText } from '../../parts/long-text.tsx'
import { Json } from '../../tools/json.tsx'
import type { Span } from '../turns.ts'
import { type Fact, FactList } from './fact-list.tsx'
import { Views } from './views.tsx'

type SummaryStepProps = { name: string; summary: NonNullable<Span['summary']> }

/** A summary of earlier messages: the text that the model receives, and the amounts. */
export function SummaryStep({ name, summary }: SummaryStepProps) {
  return (
    <Views
      name="a summary"
      views={[
        {
          name: 'Summary',
          content: () => <LongText name={`summary ${name}`} text={summary.summary ?? ''} />,
        },
        { name: 'Parameters', content: () => <Facts summary={summary} /> },
        { name: 'Raw', content: () => <Json name={`summary raw ${name}`} value={summary} /> },
      ]}
    />
  )
}

const numberOf = (count: number | undefined) => count?.toLocaleString('en')

function Facts({ summary }: Pick<SummaryStepProps, 'summary'>) {
  const { usage } = summary
  const facts: Fact[] = [
    ['Summarized up to event', numberOf(summary.summarized_to)],
    ['Prompt tokens before, estimated', numberOf(summary.input_tokens_before)],
    ['Prompt tokens afterwards, estimated', numberOf(summary.input_tokens_after)],
    ['Duration', durationOf(summary.duration_ms)],
    ['Input tokens', numberOf(usage?.input_tokens)],
    ['Cached input tokens', numberOf(usage?.cache_read_tokens)],
    ['Output tokens', numberOf(usage?.output_tokens)],
    ['Cost', usage && costText(usage.cost_usd)],
  ]
  return <FactList facts={facts} />
}
