import type { Why } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { whyQuery } from '../../queries/sessions.ts'
import { Ago } from '../../shell/text/ago.tsx'
import { durationOf } from '../parts/duration.ts'

/** The current step of a running turn, in words. */
export function WhyWords({ sessionId }: { sessionId: string }) {
  const { data } = useQuery(whyQuery(sessionId))
  const words = data && wordsOf(data)
  if (!words) return null
  return (
    <span>
      {words}
      <Elapsed since={data.since} />
      {data.state === 'waits_for_retry' && data.until && (
        <>
          {' · next attempt '}
          <Ago at={data.until} />
        </>
      )}
    </span>
  )
}

/** Whole seconds since a time. Hidden from screen readers, which would announce every second. */
function Elapsed({ since }: { since: string }) {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000)
    return () => clearInterval(timer)
  }, [])
  const seconds = Math.floor((now - Date.parse(since)) / 1_000)
  if (seconds < 1) return null
  return <span aria-hidden="true">, {durationOf(seconds * 1_000).replace('.0 s', ' s')}</span>
}

/** Describes a running turn without node names. Unknown states show the sentence of the server. */
export function wordsOf(why: Why): string {
  const { state, model, attempt, tools, ahead, sentence } = why
  const names = tools.join(', ')
  const missing = why.missing_capabilities?.join(', ')
  const words: Record<Why['state'], string> = {
    idle: '',
    failed: '',
    queued: missing ? `Waiting for a server with ${missing}` : queuedWords(ahead),
    starting: 'Starting the turn',
    calls_model: `Calling ${model ?? 'the model'}${attempt && attempt > 1 ? `, attempt ${attempt}` : ''}`,
    waits_for_retry: `Waiting to retry ${model ?? 'the model'}`,
    compacts: 'Summarizing earlier messages',
    runs_tools: `Running ${names}`,
    between_steps: 'Preparing the next step',
    waits_for_client: `Waiting for a result or decision: ${names}`,
    waits_for_approval: `Waiting for approval: ${names}`,
    waits_for_budget: 'Waiting until a budget has more',
    waits_for_input: `Waiting for answers: ${names}`,
    waits_for_database: 'Waiting for the database',
    node_gone: 'Server lost. Another one is taking over',
    cancelling: 'Canceling the turn',
  }
  const found = words[state] ?? sentence
  return missing && why.node ? `${found}, without ${missing}` : found
}

const queuedWords = (ahead: number | null) =>
  ahead ? `Queued behind ${ahead === 1 ? '1 turn' : `${ahead} turns`}` : 'Queued'
