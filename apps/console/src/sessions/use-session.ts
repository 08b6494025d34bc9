import { useQuery } from '@tanstack/react-query'
import { outlast } from '../client.ts'

export const useSession = (sessionId: string) =>
  useQuery({
    queryKey: ['session', sessionId],
    queryFn: ({ signal }) => outlast.sessions.get(sessionId, { signal }),
  })
