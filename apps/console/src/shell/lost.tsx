import { Button, Group } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { sentenceOf } from '../errors.ts'
import { Empty, Screen } from './screen.tsx'

/** At an address where nothing is. */
export function NotFound() {
  return (
    <Screen title="Not found">
      <Empty title="There is nothing at this address.">
        It may have been moved, or the link is not whole.
        <div>
          <Button component={Link} to="/" mt="sm" size="xs">
            All sessions
          </Button>
        </div>
      </Empty>
    </Screen>
  )
}

type BrokenProps = { error: unknown; reset: () => void }

/** In the place of a screen that failed; what is around it goes on. */
export function Broken({ error, reset }: BrokenProps) {
  return (
    <Screen title="This screen failed">
      <Empty title="This screen failed">
        <p role="alert">{sentenceOf(error)}</p>
        <p>A part may be missing because the server was updated: then a reload helps.</p>
        <Group gap="xs" justify="center">
          <Button size="xs" onClick={() => location.reload()}>
            Reload
          </Button>
          <Button size="xs" variant="default" onClick={reset}>
            Try again
          </Button>
        </Group>
      </Empty>
    </Screen>
  )
}
