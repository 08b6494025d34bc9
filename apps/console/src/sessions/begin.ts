import { outlast } from '../client.ts'

type Beginning = { agentId: string; text: string; tags?: string[] }

/** A new session, and its first message if there is one. */
export async function beginSession({ agentId, text, tags }: Beginning) {
  const session = await outlast.sessions.create({ agent_id: agentId, ...(tags && { tags }) })
  if (text.trim() !== '') {
    const message = { role: 'user' as const, content: [{ type: 'text' as const, text }] }
    await outlast.messages.create(session.id, { message })
  }
  return session
}
