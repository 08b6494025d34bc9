import { Button, Group, Text, TextInput } from '@mantine/core'
import type { Approval, ToolCallItem } from '@outlast/sdk'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { outlast, sentenceOf } from '../client.ts'

/** A call that asks: it runs when it is allowed; the reason of a denial is told to the agent. */
export function ApprovalForm({ call, sessionId }: { call: ToolCallItem; sessionId: string }) {
  const [reason, setReason] = useState('')
  const decide = useMutation({
    mutationFn: (approval: Approval) =>
      outlast.sessions.decideToolCall(sessionId, call.id, approval),
  })
  return (
    <div className="approval">
      <Text size="sm">May the agent do this?</Text>
      <pre>{JSON.stringify(call.arguments, null, 2)}</pre>
      <Group gap="xs">
        <Button
          size="xs"
          onClick={() => decide.mutate({ decision: 'approve' })}
          loading={decide.isPending}
        >
          Allow
        </Button>
        <Button
          size="xs"
          color="red"
          variant="light"
          onClick={() => decide.mutate({ decision: 'deny', ...(reason && { reason }) })}
          loading={decide.isPending}
        >
          Deny
        </Button>
        <TextInput
          size="xs"
          aria-label="Reason"
          placeholder="Reason for a denial"
          value={reason}
          onChange={({ currentTarget }) => setReason(currentTarget.value)}
          flex={1}
        />
      </Group>
      {decide.isError && (
        <Text size="sm" c="red">
          {sentenceOf(decide.error)}
        </Text>
      )}
    </div>
  )
}
