'use client'

import { useChat } from '@ai-sdk/react'
import { OutlastChatTransport, sendWhenAnswered } from '@outlast/ai-sdk'
import { tokenFrom } from '@outlast/sdk'
import type { UIMessage } from 'ai'
import { useState } from 'react'

type ChatProps = { url: string; agentId: string; id: string; messages: UIMessage[] }

/**
 * A chat of one user: set `key` to the user. A reload continues a running answer, and shows
 * approvals that are still open.
 */
export function Chat({ url, agentId, id, messages }: ChatProps) {
  const [transport] = useState(() => {
    const apiKey = tokenFrom('/api/outlast-token')
    return new OutlastChatTransport({ url, agentId, apiKey })
  })
  const sendAutomaticallyWhen = sendWhenAnswered
  const chat = useChat({ id, messages, transport, resume: true, sendAutomaticallyWhen })
  const send = (form: FormData) => void chat.sendMessage({ text: String(form.get('text')) })
  return (
    <main data-status={chat.status}>
      {chat.messages.map(({ id, role, parts }) => (
        <article key={id} data-role={role}>
          {parts.map((part) => {
            if (part.type === 'text') return part.text
            if (part.type !== 'dynamic-tool' || part.state !== 'approval-requested') return null
            const answer = { id: part.approval.id, approved: true }
            const allow = () => chat.addToolApprovalResponse(answer)
            const isBusy = chat.status === 'submitted'
            return (
              <button key={part.toolCallId} type="button" disabled={isBusy} onClick={allow}>
                Allow {part.toolName}
              </button>
            )
          })}
        </article>
      ))}
      <form action={send}>
        <input name="text" aria-label="Message" />
      </form>
      {chat.error && <p role="alert">{chat.error.message}</p>}
    </main>
  )
}
