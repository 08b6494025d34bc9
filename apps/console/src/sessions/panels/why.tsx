import { useQuery } from '@tanstack/react-query'
import { outlast } from '../../client.ts'
import { exactTimeOf } from '../../shell/ago.tsx'

const againMs = 5_000

/** What a session does or waits for, kept up to date. */
export const useWhy = (sessionId: string, enabled = true) =>
  useQuery({
    queryKey: ['why', sessionId],
    queryFn: ({ signal }) => outlast.sessions.explain(sessionId, { signal }),
    refetchInterval: againMs,
    enabled,
  })

const instant = /\d{4}-\d\d-\d\dT[\d:.]+Z/g

/** A sentence with its times as the person at the browser tells them. */
export const withLocalTimes = (sentence: string) => sentence.replace(instant, exactTimeOf)

type LineProps = { sessionId: string; isActive: boolean }

/** The same in one line, for a turn that takes long enough to be asked about. It has its place also when it is empty. */
export function WhyLine({ sessionId, isActive }: LineProps) {
  const { data } = useWhy(sessionId, isActive)
  return (
    <div className="why-line" role="status">
      {isActive && data && <span>{withLocalTimes(data.sentence)}</span>}
    </div>
  )
}
