import { useMutation } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { invalidate, outlast } from '../../client.ts'
import { sessionKeys } from '../../queries/keys.ts'
import { usePlace } from '../parts/session-place.tsx'

/** Sends a message of the session again, as it was or edited, and opens the new session. */
export function useRetake() {
  const { sessionId } = usePlace()
  const navigate = useNavigate()
  return useMutation({
    mutationFn: ({ messageId, message }: { messageId: string; message?: NewMessage }) =>
      outlast.sessions.retake(sessionId, { message_id: messageId, ...(message && { message }) }),
    onSuccess({ session: { id } }) {
      invalidate(sessionKeys.lists)
      const params = { sessionId: id }
      navigate({ to: '/sessions/$sessionId', params, ignoreBlocker: true })
    },
  })
}

type NewMessage = NonNullable<Parameters<typeof outlast.sessions.retake>[1]['message']>
