/** A chat in a page, for tests in a browser. */
import { clientTool, type Event, tokenFrom } from '@outlast/sdk'
import { StrictMode, useState, version } from 'react'
import { flushSync } from 'react-dom'
import { createRoot, type Root } from 'react-dom/client'
import {
  AnswerForm,
  Markdown,
  type OutlastSession,
  ToolCard,
  type UseOutlastOptions,
  useOutlast,
} from '../src/index.ts'

/** Number of times that the client tool ran, events that views received, and renders of items. */
const seen = { toolRuns: 0, events: [] as Event['type'][], renders: 0 }
let latest: OutlastSession | undefined

const locate = clientTool({
  name: 'locate',
  description: 'Returns the place of the user.',
  parameters: { type: 'object', properties: {} },
  run: () => {
    seen.toolRuns += 1
    return { place: 'Kyiv' }
  },
})

/** `hasTool`: the view has the client tool. `throwsAt`: its listener throws at these events. */
type ViewOptions = UseOutlastOptions & { hasTool?: boolean; throwsAt?: Event['type'] }
type ViewProps = { name: string; options: ViewOptions }

/** The documented way for pages whose user changes: a key, and a function in its component. */
function UserChat({ name, options }: ViewProps) {
  const [token] = useState(() => tokenFrom('/api/outlast-token'))
  return <Chat name={name} options={{ ...options, token } as UseOutlastOptions} />
}

function Chat({ name, options }: ViewProps) {
  const [text, setText] = useState('')
  const onEvent = ({ type }: Event) => {
    if (name === 'Chat') seen.events.push(type)
    if (type === options.throwsAt) throw new Error('The listener of the page failed.')
  }
  const tools = options.hasTool === false ? [] : [locate]
  const session = useOutlast({ ...options, tools, onEvent })
  const { items, status, connection, waiting, error } = session
  latest = session
  return (
    <section aria-label={name} data-status={status} data-connection={connection}>
      <div role="log">
        {items.map((item) => (
          <Item key={item.key} item={item} session={session} />
        ))}
      </div>
      {[...waiting.approvals, ...waiting.inputs].map((call) => (
        <AnswerForm key={call.id} call={call} session={session} />
      ))}
      {error && <p role="alert">{error.message}</p>}
      <form
        onSubmit={(event) => {
          event.preventDefault()
          setText('')
          void session.send(text)
        }}
      >
        <input
          aria-label="Message"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <button type="submit">Send</button>
        <button type="button" onClick={() => void session.cancel()}>
          Stop
        </button>
      </form>
    </section>
  )
}

function Item({
  item,
  session,
}: {
  item: OutlastSession['items'][number]
  session: OutlastSession
}) {
  seen.renders += 1
  switch (item.kind) {
    case 'user_message':
      return (
        <p data-kind="user" data-pending={item.isPending}>
          {item.text}
          <button type="button" onClick={() => void session.retake(item.id, 'Again')}>
            Edit
          </button>
        </p>
      )
    case 'agent_message':
      return item.text === '' ? null : (
        <Markdown data-kind="agent" text={item.text} isStreaming={item.isStreaming} />
      )
    case 'tool_call':
      return <ToolCard call={item} />
    case 'notice':
      return <p data-kind="notice">{item.type}</p>
  }
}

let root: Root | undefined

/** Shows views of a session. */
function show(options: ViewOptions, names: readonly string[] = ['Chat']): void {
  root ??= createRoot(document.getElementById('root')!)
  root.render(
    <StrictMode>
      {names.map((name) => (
        <Chat key={name} name={name} options={options} />
      ))}
    </StrictMode>,
  )
}

/** Shows a view of the signed-in user. */
function showFor(user: string, options: UseOutlastOptions): void {
  root ??= createRoot(document.getElementById('root')!)
  root.render(
    <StrictMode>
      <UserChat key={user} name="Chat" options={options} />
    </StrictMode>,
  )
}

const showMarkdown = (text: string) => {
  root ??= createRoot(document.getElementById('root')!)
  flushSync(() => root!.render(<Markdown text={text} />))
}

Object.assign(globalThis, {
  app: {
    show,
    showFor,
    showMarkdown,
    hide: () => root?.render(null),
    seen,
    session: () => latest,
    version: version.split('.')[0],
  },
})
