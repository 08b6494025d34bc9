import { Button, Group, Text, Textarea } from '@mantine/core'
import type { ToolCallItem } from '@outlast/sdk'
import { useMutation } from '@tanstack/react-query'
import { useRef } from 'react'
import { outlast } from '../../client.ts'
import { sendFailureOf } from '../../errors.ts'
import { Problem } from '../../shell/screen/problem.tsx'
import { Ago } from '../../shell/text/ago.tsx'
import { useKept } from '../parts/kept.tsx'
import { usePlace } from '../parts/session-place.tsx'
import { answerOf } from './arguments.ts'
import { focusCard } from './card-focus.ts'
import { Json } from './json.tsx'

type ClientResult = { result: unknown } | { error: string }

/** A tool call for the client. The user can enter a result instead. */
export function ClientQuestion({ call }: { call: ToolCallItem }) {
  const { sessionId } = usePlace()
  const [text, setText] = useKept(`answer ${call.id}`, '')
  const answer = useMutation({
    mutationFn: (result: ClientResult) =>
      outlast.sessions.submitToolResults(sessionId, {
        tool_results: [{ tool_call_id: call.id, ...result }],
      }),
  })
  const { value, isJson } = answerOf(text)
  const isEmpty = text.trim() === ''
  const form = useRef<HTMLDivElement>(null)
  function send(result: ClientResult) {
    focusCard(form.current!)
    answer.mutate(result)
  }
  return (
    <div ref={form} className="approval">
      <Text size="sm" fw={600}>
        Waiting for the client to run this tool. You can also enter a result here.
      </Text>
      {call.expiresAt && (
        <Text size="xs" c="dimmed">
          The agent continues without a result <Ago at={call.expiresAt} />.
        </Text>
      )}
      <Json name={`asks ${call.id}`} label="Arguments" value={call.arguments} />
      <Textarea
        label="Result"
        description={isEmpty ? 'Text or JSON' : isJson ? 'Sent as JSON' : 'Sent as text'}
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
          Send result
        </Button>
        <Button
          size="xs"
          color="red"
          variant="light"
          disabled={isEmpty}
          loading={answer.isPending}
          onClick={() => send({ error: text })}
        >
          Send as error
        </Button>
      </Group>
      <Problem error={answer.error} toText={sendFailureOf} />
    </div>
  )
}
