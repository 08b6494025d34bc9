import { Button, Group, Text } from '@mantine/core'
import { UserParts } from './items.tsx'
import { discard, type Outgoing, sendAgain } from './outbox.ts'

/** A message that the server has not confirmed. */
export function OutgoingMessage({ outgoing }: { outgoing: Outgoing }) {
  const { key, body, state, isStalled } = outgoing
  return (
    <div className="message user outgoing">
      <UserParts name={key} content={body.message.content} />
      {state === 'waiting' && !isStalled ? (
        <Text size="xs" c="dimmed">
          Sending…
        </Text>
      ) : (
        <Unsent outgoing={outgoing} />
      )}
    </div>
  )
}

/** Why a message was not sent, and what a user may do about it. */
export function Unsent({ outgoing }: { outgoing: Outgoing }) {
  const { id, state } = outgoing
  const isWaiting = state === 'waiting'
  return (
    <div role={isWaiting ? 'status' : 'alert'}>
      <Text size="sm" c={isWaiting ? 'dimmed' : 'red'}>
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
  if (state === 'expired') return 'Not sent. More than a day has passed since it was written.'
  return 'Not sent yet. It is stored in this browser and sent when the server responds.'
}

/** Beside a form whose session the server has not created. */
export const StalledNote = () => (
  <Text size="sm" c="dimmed" role="status">
    The server does not respond. The session is created when it does, also if you close this page.
  </Text>
)
