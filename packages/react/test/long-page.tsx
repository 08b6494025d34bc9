/** A chat for a benchmark, as the documentation advises: unchanged items are not drawn again. */

import { memo, useEffect } from 'react'
import { createRoot } from 'react-dom/client'
import {
  Markdown,
  type OutlastSession,
  ToolCard,
  type UseOutlastOptions,
  useOutlast,
} from '../src/index.ts'

type AnyItem = OutlastSession['items'][number]

const Item = memo(function Item({ item }: { item: AnyItem }) {
  switch (item.kind) {
    case 'user_message':
      return <p>{item.text}</p>
    case 'agent_message':
      return <Markdown className="reply" text={item.text} isStreaming={item.isStreaming} />
    case 'tool_call':
      return <ToolCard call={item} />
    case 'notice':
      return null
  }
})

/** Loads the whole session, then marks the page as complete. */
function Chat({ options }: { options: UseOutlastOptions }) {
  const { items, status, hasEarlier, loadEarlier } = useOutlast(options)
  const [first] = items
  useEffect(() => {
    if (first && hasEarlier) void loadEarlier()
  }, [first, hasEarlier, loadEarlier])
  return (
    <div id="chat" data-whole={status === 'idle' && !hasEarlier} data-items={items.length}>
      {items.map((item) => (
        <div
          key={item.key}
          style={{ contentVisibility: 'auto', containIntrinsicSize: 'auto 60px' }}
        >
          <Item item={item} />
        </div>
      ))}
    </div>
  )
}

/** Waits until the last item has the text. Looks rarely: looking takes time, too. */
const replyEnds = (text: string) =>
  new Promise<void>((resolve) => {
    const look = setInterval(() => {
      const last = document.querySelector('#chat > :last-child')
      if (!last?.textContent?.includes(text)) return
      clearInterval(look)
      resolve()
    }, 200)
  })

Object.assign(globalThis, {
  replyEnds,
  show: (options: UseOutlastOptions) =>
    createRoot(document.getElementById('root')!).render(<Chat options={options} />),
})
