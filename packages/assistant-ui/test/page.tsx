/** A page of assistant-ui, for tests in a browser. */
import {
  AssistantRuntimeProvider,
  MessagePrimitive,
  ThreadListItemPrimitive,
  ThreadListPrimitive,
  ThreadPrimitive,
} from '@assistant-ui/react'
import { clientTool } from '@outlast/sdk'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { type OutlastRuntimeOptions, useOutlastRuntime } from '../src/index.ts'

const locate = clientTool({
  name: 'locate',
  description: 'Returns the place of the user.',
  parameters: { type: 'object', properties: {} },
  run: () => ({ place: 'Kyiv' }),
})

const Message = () => (
  <MessagePrimitive.Root>
    <MessagePrimitive.Parts />
  </MessagePrimitive.Root>
)

const Thread = () => (
  <ThreadListItemPrimitive.Root>
    <ThreadListItemPrimitive.Title fallback="New" />
  </ThreadListItemPrimitive.Root>
)

function Assistant({ options }: { options: OutlastRuntimeOptions }) {
  const runtime = useOutlastRuntime({ ...options, tools: [locate] })
  Object.assign(globalThis, { runtime })
  return (
    <AssistantRuntimeProvider runtime={runtime}>
      <ThreadPrimitive.Root aria-label="Thread" role="region">
        <ThreadPrimitive.Messages components={{ Message }} />
      </ThreadPrimitive.Root>
      <nav>
        <ThreadListPrimitive.Items components={{ ThreadListItem: Thread }} />
      </nav>
    </AssistantRuntimeProvider>
  )
}

function show(options: OutlastRuntimeOptions) {
  createRoot(document.getElementById('root')!).render(
    <StrictMode>
      <Assistant options={options} />
    </StrictMode>,
  )
}

Object.assign(globalThis, { app: { show } })
