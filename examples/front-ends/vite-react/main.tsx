import { AnswerForm, Markdown, useOutlast } from '@outlast/react'
import { tokenFrom } from '@outlast/sdk'
import { StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'

const { url, agentId } = await (await fetch('/settings.json')).json()

/** For another user, set `key`: the function of the token belongs to one user. */
function Chat() {
  const [token] = useState(() => tokenFrom('/api/outlast-token'))
  const session = useOutlast({ url, token, agentId, key: 'my-chat' })
  const { items, status, waiting, error } = session
  const [text, setText] = useState('')
  const [refusal, setRefusal] = useState<Error>()
  async function send() {
    setText('')
    try {
      await session.send(text)
      setRefusal(undefined)
    } catch (error) {
      setText((now) => now || text)
      setRefusal(error as Error)
    }
  }
  return (
    <main data-status={status}>
      {items.map((item) => 'text' in item && <Markdown key={item.key} text={item.text} />)}
      {[...waiting.approvals, ...waiting.inputs].map((call) => (
        <AnswerForm key={call.id} call={call} session={session} />
      ))}
      {(refusal ?? error) && <p role="alert">{(refusal ?? error)?.message}</p>}
      <form action={() => void send()}>
        <input
          aria-label="Message"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </form>
    </main>
  )
}

createRoot(document.querySelector('#root')!).render(
  <StrictMode>
    <Chat />
  </StrictMode>,
)
