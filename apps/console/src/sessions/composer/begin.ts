import { useMutation } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { outlast } from '../../client.ts'
import { acceptSession, useUnsent } from './outbox.ts'

type Beginning = { agentId: string; text: string; tags?: string[] }

/**
 * Creates a session for a form and calls `go` with its id while the form is mounted. The session
 * and its first message are stored first. Both are created exactly once, even if the page is closed
 * before the server responds.
 */
export function useBegin(go: (sessionId: string) => void) {
  const form = useRef(new AbortController())
  useEffect(() => {
    form.current = new AbortController()
    return () => form.current.abort()
  }, [])
  const begin = useMutation({
    mutationFn: (beginning: Beginning) => create(beginning, form.current.signal),
    onSuccess: (id) => form.current.signal.aborted || go(id),
  })
  const isStored = useUnsent().some(({ sessionId }) => sessionId === null)
  return { begin, isStalled: begin.isPending && isStored }
}

async function create({ agentId, text, tags }: Beginning, signal: AbortSignal): Promise<string> {
  const session = { agent_id: agentId, ...(tags && { tags }) }
  if (text.trim() === '') return (await outlast.sessions.create(session)).id
  const message = { role: 'user' as const, content: [{ type: 'text' as const, text }] }
  return acceptSession(session, { message }, signal)
}
