import { useQuery } from '@tanstack/react-query'
import { queueHealthQuery } from '../queries/workers.ts'

/** Problems of the code under `outlast dev`, for example of a file that cannot be loaded. */
export function CodeBanner() {
  const { data } = useQuery({ ...queueHealthQuery, refetchIntervalInBackground: true })
  if (!data || data.problems.length === 0) return null
  return (
    <div className="banner">
      <span>
        {data.problems.map((problem) => (
          <div key={problem}>{problem}</div>
        ))}
      </span>
    </div>
  )
}
