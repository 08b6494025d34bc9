import { Button, Group, Text, Textarea } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { type KeyboardEvent, useState } from 'react'
import { outlast, sentenceOf } from '../client.ts'

/** Where a person writes. While the agent works a message steers it, waits for its own turn, or interrupts. */
export function Composer({ sessionId, isActive }: { sessionId: string; isActive: boolean }) {
  const [text, setText] = useState('')
  const send = useMutation({
    mutationFn: (on_busy: 'steer' | 'queue' | 'interrupt') => {
      const message = { role: 'user' as const, content: [{ type: 'text' as const, text }] }
      return outlast.messages.create(sessionId, { message, on_busy })
    },
    onSuccess: () => setText(''),
  })
  const cancel = useMutation({ mutationFn: () => outlast.sessions.cancelTurn(sessionId) })
  const isEmpty = text.trim() === ''

  function onKeyDown(event: KeyboardEvent) {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
    event.preventDefault()
    if (!isEmpty && !send.isPending) send.mutate('steer')
  }

  return (
    <div className="composer">
      <Textarea
        aria-label="Message"
        placeholder="Write to the agent"
        autosize
        minRows={1}
        maxRows={8}
        value={text}
        onChange={({ currentTarget }) => setText(currentTarget.value)}
        onKeyDown={onKeyDown}
        autoFocus
      />
      <Group gap="xs" justify="flex-end" mt="xs">
        {(send.isError || cancel.isError) && (
          <Text size="sm" c="red" flex={1}>
            {sentenceOf(send.error ?? cancel.error)}
          </Text>
        )}
        {isActive && (
          <>
            <Button size="xs" variant="default" onClick={() => cancel.mutate()}>
              Cancel the turn
            </Button>
            <Button
              size="xs"
              variant="default"
              disabled={isEmpty}
              onClick={() => send.mutate('queue')}
            >
              Queue
            </Button>
            <Button
              size="xs"
              variant="default"
              disabled={isEmpty}
              onClick={() => send.mutate('interrupt')}
            >
              Interrupt
            </Button>
          </>
        )}
        <Button
          size="xs"
          disabled={isEmpty}
          loading={send.isPending}
          onClick={() => send.mutate('steer')}
        >
          {isActive ? 'Steer' : 'Send'}
        </Button>
      </Group>
    </div>
  )
}
