import { Button } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { statusOf } from '../errors.ts'
import { Empty, Failure, Screen } from '../shell/screen/screen.tsx'
import type { Outgoing } from './composer/outbox.ts'
import { OutgoingMessage } from './conversation/outgoing.tsx'

/** A session that cannot be shown, with its unsent messages. */
export function Gone({ error, outgoing }: { error: unknown; outgoing: readonly Outgoing[] }) {
  if (statusOf(error) !== 404) {
    return <Failure error={error} retry={() => location.reload()} />
  }
  return (
    <Screen title="Session">
      <Empty title="Session not found">
        It may have been deleted.
        <div>
          <Button component={Link} to="/" mt="sm" size="xs">
            View sessions
          </Button>
        </div>
      </Empty>
      <div className="unsent-messages">
        {outgoing.map((one) => (
          <OutgoingMessage key={one.id} outgoing={one} />
        ))}
      </div>
    </Screen>
  )
}
