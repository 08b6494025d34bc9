/** The chat of the example for Next.js in a page of its own, in strict mode. */
import { tokenFrom } from '@outlast/sdk'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { Chat } from '../../examples/front-ends/nextjs/app/chat.tsx'

const { url, agentId, id } = Object.fromEntries(new URLSearchParams(location.search)) as Record<
  'url' | 'agentId' | 'id',
  string
>
const headers = { authorization: `Bearer ${await tokenFrom('/api/outlast-token')()}` }
const stored = await fetch(`${url}/v1/ai-sdk/agents/${agentId}/chat/${id}/messages`, { headers })
const { messages } = await stored.json()
createRoot(document.querySelector('#root')!).render(
  <StrictMode>
    <Chat url={url} agentId={agentId} id={id} messages={messages} />
  </StrictMode>,
)
