import { Button, Group, Text } from '@mantine/core'
import { discard, type Outgoing, sendAgain } from '../composer/outbox.ts'
import { UserParts } from './items.tsx'

/** A message that the server has not confirmed. */
export function OutgoingMessage({ outgoing }: { outgoing: Outgoing }) {
  const { key, body, state, isStalled } = outgoing
  const isUnsent = state !== 'waiting' || isStalled
  return (
    <div className="message user outgoing" data-unsent={isUnsent}>
      <UserParts name={key} content={body.message.content} />
      {isUnsent ? (
        <Unsent outgoing={outgoing} />
      ) : (
        <Text size="xs" c="dimmed">
          Sending…
        </Text>
      )}
    </div>
  )
}

/** Shows why a message was not sent, with actions. */
export function Unsent({ outgoing }: { outgoing: Outgoing }) {
  const { id, state } = outgoing
  const isWaiting = state === 'waiting'
  return (
    <div role={isWaiting ? 'status' : 'alert'}>
      <Text size="sm" className="unsent-reason">
        {reasonOf(outgoing)}
      </Text>
      <Group gap="xs" mt={4}>
        {!isWaiting && (
          <Button size="compact-xs" onClick={() => sendAgain(id)}>
            Send again
          </Button>
        )}
        <Button size="compact-xs" variant="default" onClick={() => discard(id)}>
          Discard
        </Button>
      </Group>
    </div>
  )
}

function reasonOf({ state, problem }: Outgoing): string {
  if (state === 'failed') return `Not sent. ${problem}`
  if (state === 'expired') return 'Not sent. The message is more than a day old.'
  return 'Not sent yet. The message is stored in this browser. Any open console page sends it when the server responds.'
}

/** Shown while the server has not created the session of a form. */
export const StalledNote = () => (
  <Text size="sm" c="dimmed" role="status">
    The server does not respond. The message is stored in this browser. Any open console page
    creates the session when the server responds.
  </Text>
)
