import type { Event, ToolCall } from '@outlast/sdk'
import { toolKeyText } from '@outlast/sdk/turn-steps'
import { useEffect, useMemo, useState } from 'react'
import { escaped } from '../../../shell/text/escapes.ts'
import { LongText } from '../../parts/long-text.tsx'
import { Json } from '../../tools/json.tsx'
import { Arguments, Result } from '../../tools/result.tsx'
import { viewOf } from '../../tools/result-view.ts'
import { type Fact, FactList } from './fact-list.tsx'
import { Views } from './views.tsx'

type Of<Type extends Event['type']> = Extract<Event, { type: Type }>

type CallEvents = {
  started: Of<'tool.started'> | undefined
  completed: Of<'tool.completed'> | undefined
  decided: Of<'tool.approval_resolved'> | undefined
  files: readonly string[]
}

function eventsOf(events: readonly Event[], callId: string, turnId: string): CallEvents {
  const found: CallEvents = {
    started: undefined,
    completed: undefined,
    decided: undefined,
    files: [],
  }
  const files = new Set<string>()
  for (const event of events) {
    if (event.context.turn_id !== turnId) continue
    // A call that starts again keeps the idempotency key of its first start.
    if (event.type === 'tool.started' && event.data.tool_call.id === callId) found.started ??= event
    if (event.type === 'tool.completed' && event.data.tool_call_id === callId)
      found.completed = event
    if (event.type === 'tool.approval_resolved' && event.data.tool_call_id === callId)
      found.decided = event
    if (event.type === 'files.changed' && event.data.tool_call_id === callId)
      for (const { path } of event.data.changes) files.add(path)
  }
  return { ...found, files: [...files] }
}

/** A call: its arguments, its result, changed files, and how it may run again. */
export function ToolStep({
  call,
  turnId,
  events,
}: {
  call: ToolCall
  turnId: string
  events: readonly Event[]
}) {
  const { started, completed, decided, files } = useMemo(
    () => eventsOf(events, call.id, turnId),
    [events, call.id, turnId],
  )
  const given = started?.data.tool_call.arguments ?? call.arguments
  const result = completed?.data.result ?? undefined
  const view = useMemo(
    () => viewOf({ name: call.name, arguments: given, result }),
    [call.name, given, result],
  )
  return (
    <Views
      name="a call"
      views={[
        {
          name: 'Result',
          content: () =>
            !completed ? (
              <p className="nothing">The call has no outcome yet.</p>
            ) : completed.data.error ? (
              <div className="tool-error">
                <LongText name={`trace error ${call.id}`} text={completed.data.error} />
              </div>
            ) : (
              <Result name={`trace ${call.id}`} call={{ id: call.id, result }} view={view} />
            ),
        },
        {
          name: 'Arguments',
          content: () => <Arguments name={`trace ${call.id}`} given={given} />,
        },
        { name: 'Files', count: files.length, content: () => <Files files={files} /> },
        {
          name: 'Policy',
          content: () => <Policy started={started} completed={completed} decided={decided} />,
        },
        {
          name: 'Raw',
          content: () => (
            <Json
              name={`trace raw ${call.id}`}
              value={[started, decided, completed].filter((event) => event !== undefined)}
            />
          ),
        },
      ]}
    />
  )
}

const Files = ({ files }: { files: readonly string[] }) =>
  files.length === 0 ? (
    <p className="nothing">The call changed no files.</p>
  ) : (
    <ul className="changed-files">
      {files.map((path) => (
        <li key={path} className="mono">
          {escaped(path)}
        </li>
      ))}
    </ul>
  )

const replays = {
  safe: 'Runs again if its node dies',
  unsafe: 'Never runs again; its outcome is then unknown',
  until_changed: 'Runs again if its node dies, unless it has changed files',
} as const

/** The idempotency key that the tool received. Browsers hash only on HTTPS and on localhost. */
function useIdempotencyKey(started: CallEvents['started']): string | undefined {
  const [hashed, setHashed] = useState({ text: '', key: '' })
  const { session_id, context, sequence } = started ?? {}
  const turnId = context?.turn_id
  const text = session_id && turnId && sequence && toolKeyText(session_id, turnId, sequence)
  useEffect(() => {
    if (!text || !window.isSecureContext) return
    const bytes = new TextEncoder().encode(text)
    crypto.subtle.digest('SHA-256', bytes).then((key) => setHashed({ text, key: hexOf(key) }))
  }, [text])
  return text === hashed.text ? hashed.key : undefined
}

const hexOf = (bytes: ArrayBuffer) =>
  Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('')

function Policy({ started, completed, decided }: Omit<CallEvents, 'files'>) {
  const replay = started?.data.replay
  const facts: Fact[] = [
    ['After a crash', replay && replays[replay]],
    ['Idempotency key', useIdempotencyKey(started)],
    ['Approval', decided?.data.decision],
    ['Decided by', decided?.data.decided_by?.name],
    ['Status', completed?.data.status],
    ['Error code', completed?.data.error_code],
  ]
  return <FactList facts={facts} />
}
