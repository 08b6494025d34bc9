import { Alert, Button, Group, Text, Textarea } from '@mantine/core'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { type KeyboardEvent, useState } from 'react'
import { sentenceOf } from '../errors.ts'
import { useBegin } from '../sessions/composer/begin.ts'
import { StalledNote } from '../sessions/conversation/outgoing.tsx'
import { SideTalk } from './talk.tsx'

type PlaygroundProps = { agentId: string; isDirty: boolean }

/** A session beside the editor. It survives a reload and appears in the session list. */
export function Playground({ agentId, isDirty }: PlaygroundProps) {
  // An agent that was just created may still have the URL of a new one.
  const { session } = useSearch({ strict: false })
  const navigate = useNavigate()
  const go = (id: string | undefined) =>
    navigate({ to: '.', search: (before: object) => ({ ...before, session: id }), replace: true })
  return (
    <section className="playground" aria-label="Playground">
      <Group className="playground-bar" gap="xs" justify="space-between">
        <Text size="xs" c={isDirty ? 'var(--outlast-wait-text)' : 'dimmed'} role="status">
          {isDirty
            ? 'Using the saved version. Unsaved changes are not applied.'
            : 'Using the saved version.'}
        </Text>
        {session && (
          <Group gap={4}>
            <Button
              size="compact-xs"
              variant="subtle"
              renderRoot={(props) => (
                <Link to="/sessions/$sessionId" params={{ sessionId: session }} {...props} />
              )}
            >
              Open session
            </Button>
            <Button size="compact-xs" variant="subtle" onClick={() => go(undefined)}>
              New session
            </Button>
          </Group>
        )}
      </Group>
      {session ? (
        <SideTalk key={session} sessionId={session} />
      ) : (
        <Opening agentId={agentId} go={go} />
      )}
    </section>
  )
}

function Opening({ agentId, go }: { agentId: string; go: (id: string) => void }) {
  const [text, setText] = useState('')
  const { begin, isStalled } = useBegin(go)
  const isEmpty = text.trim() === ''
  const start = () => begin.mutate({ agentId, text, tags: ['playground'] })
  function onKeyDown(event: KeyboardEvent) {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
    event.preventDefault()
    if (!isEmpty && !begin.isPending) start()
  }
  return (
    <>
      <div className="scroll">
        <div className="empty">
          <Text fw={600}>Test the agent</Text>
          <Text size="sm" c="dimmed">
            Send a message to see its reply and its tool calls. This creates a session with the tag
            “playground”.
          </Text>
        </div>
      </div>
      <div className="composer">
        <Textarea
          aria-label="First message"
          placeholder="Message the agent"
          autosize
          minRows={1}
          maxRows={8}
          value={text}
          onChange={({ currentTarget }) => setText(currentTarget.value)}
          onKeyDown={onKeyDown}
        />
        {isStalled && <StalledNote />}
        {begin.isError && (
          <Alert color="red" mt="xs" role="alert">
            {sentenceOf(begin.error)}
          </Alert>
        )}
        <Group justify="flex-end" mt="xs">
          <Button size="xs" disabled={isEmpty} loading={begin.isPending} onClick={start}>
            Send
          </Button>
        </Group>
      </div>
    </>
  )
}
