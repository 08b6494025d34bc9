import { useQuery } from '@tanstack/react-query'
import { whyQuery } from '../../queries/sessions.ts'
import { withLocalTimes } from '../../shell/times.ts'

type LineProps = { sessionId: string; isActive: boolean }

/** The same in one line, for a turn that takes long. It keeps its place while it is empty. */
export function WhyLine({ sessionId, isActive }: LineProps) {
  const { data } = useQuery({ ...whyQuery(sessionId), enabled: isActive })
  return (
    <div className="why-line" role="status">
      {isActive && data && <span>{withLocalTimes(data.sentence)}</span>}
    </div>
  )
}
