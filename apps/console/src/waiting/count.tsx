import { useQuery } from '@tanstack/react-query'
import { useMay } from '../queries/me.ts'
import { waitingCountQuery } from '../queries/waiting.ts'

/** The number of entries that wait for the user, beside the menu entry. */
export function WaitingCount() {
  const mayAnswer = useMay('member')
  const { data } = useQuery({ ...waitingCountQuery, enabled: mayAnswer })
  if (!data || data.total === 0) return null
  return <span className="waiting-count">{data.total_capped ? `${data.total}+` : data.total}</span>
}
