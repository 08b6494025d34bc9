import { Button, Group, Text, Textarea } from '@mantine/core'
import type { ToolCallItem } from '@outlast/sdk'
import { useMutation } from '@tanstack/react-query'
import { useRef } from 'react'
import { outlast } from '../../client.ts'
import { sendFailureOf } from '../../errors.ts'
import { Ago } from '../../shell/ago.tsx'
import { Problem } from '../../shell/problem.tsx'
import { useKept } from '../conversation/kept.tsx'
import { usePlace } from '../conversation/session-place.tsx'
import { answerOf } from './arguments.ts'
import { focusCard } from './card-focus.ts'
import { Json } from './json.tsx'

type ClientResult = { result: unknown } | { error: string }

/** A tool that a client is to run. Whoever reads this may answer in its place. */
export function ClientQuestion({ call }: { call: ToolCallItem }) {
  const { sessionId } = usePlace()
  const [text, setText] = useKept(`answer ${call.id}`, '')
  const answer = useMutation({
    mutationFn: (said: ClientResult) =>
      outlast.sessions.submitToolResults(sessionId, {
        tool_results: [{ tool_call_id: call.id, ...said }],
      }),
  })
  const { value, isJson } = answerOf(text)
  const isEmpty = text.trim() === ''
  const form = useRef<HTMLDivElement>(null)
  function send(said: ClientResult) {
    focusCard(form.current!)
    answer.mutate(said)
  }
  return (
    <div ref={form} className="approval">
      <Text size="sm" fw={600}>
        A client is to run this tool. You can answer in its place.
      </Text>
      {call.expiresAt && (
        <Text size="xs" c="dimmed">
          Without an answer the agent goes on <Ago at={call.expiresAt} />.
        </Text>
      )}
      <Json name={`asks ${call.id}`} label="Arguments" value={call.arguments} />
      <Textarea
        label="Result"
        description={isEmpty ? 'Text, or JSON.' : isJson ? 'Goes as JSON.' : 'Goes as text.'}
        autosize
        minRows={2}
        maxRows={12}
        value={text}
        onChange={({ currentTarget }) => setText(currentTarget.value)}
        classNames={{ input: 'mono' }}
      />
      <Group gap="xs">
        <Button
          size="xs"
          disabled={isEmpty}
          loading={answer.isPending}
          onClick={() => send({ result: value })}
        >
          Send the result
        </Button>
        <Button
          size="xs"
          color="red"
          variant="light"
          disabled={isEmpty}
          loading={answer.isPending}
          onClick={() => send({ error: text })}
        >
          Send as an error
        </Button>
      </Group>
      <Problem error={answer.error} say={sendFailureOf} />
    </div>
  )
}
