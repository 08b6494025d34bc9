import { Button, Group, Text } from '@mantine/core'
import { UserParts } from './items.tsx'
import { dropOutgoing, type Outgoing, sendAgain } from './outbox.ts'

/** A message that the server does not have yet, as far as is known here. */
export function OutgoingMessage({
  outgoing,
  sessionId,
}: {
  outgoing: Outgoing
  sessionId: string
}) {
  const { key, body, problem } = outgoing
  return (
    <div className="message user outgoing">
      <UserParts name={key} content={body.message.content} />
      {problem === undefined ? (
        <Text size="xs" c="dimmed">
          On its way
        </Text>
      ) : (
        <div role="alert">
          <Text size="sm" c="red">
            Not sent. {problem}
          </Text>
          <Group gap="xs" mt={4}>
            <Button size="compact-xs" onClick={() => sendAgain(sessionId, outgoing)}>
              Send again
            </Button>
            <Button
              size="compact-xs"
              variant="default"
              onClick={() => dropOutgoing(sessionId, key)}
            >
              Discard
            </Button>
          </Group>
        </div>
      )}
    </div>
  )
}
