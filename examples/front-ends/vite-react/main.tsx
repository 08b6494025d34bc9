import { AnswerForm, Markdown, useOutlast } from '@outlast/react'
import { tokenFrom } from '@outlast/sdk'
import { StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'

const { url, agentId } = await (await fetch('/settings.json')).json()

/** For another user, set `key`: the function of the token belongs to one user. */
function Chat() {
  const [token] = useState(() => tokenFrom('/api/outlast-token'))
  const session = useOutlast({ url, token, agentId, key: 'my-chat' })
  const { items, status, waiting, send } = session
  return (
    <main data-status={status}>
      {items.map((item) => 'text' in item && <Markdown key={item.key} text={item.text} />)}
      {[...waiting.approvals, ...waiting.inputs].map((call) => (
        <AnswerForm key={call.id} call={call} session={session} />
      ))}
      <form action={(form) => void send(String(form.get('text')))}>
        <input name="text" aria-label="Message" />
      </form>
    </main>
  )
}

createRoot(document.querySelector('#root')!).render(
  <StrictMode>
    <Chat />
  </StrictMode>,
)
