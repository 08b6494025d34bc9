import { Button, Group } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { sentenceOf } from '../../errors.ts'
import { Empty, Screen } from './screen.tsx'

/** The page for unknown URLs. */
export function NotFound() {
  return (
    <Screen title="Page not found">
      <Empty title="No page at this URL">
        The link may be incomplete or out of date.
        <div>
          <Button component={Link} to="/" mt="sm" size="xs">
            View sessions
          </Button>
        </div>
      </Empty>
    </Screen>
  )
}

type BrokenProps = { error: unknown; reset: () => void }

/** Replaces a screen that threw an error. The menu keeps working. */
export function Broken({ error, reset }: BrokenProps) {
  return (
    <Screen title="This page failed to load">
      <Empty title="This page failed to load">
        <p role="alert">{sentenceOf(error)}</p>
        <p>If the server was updated, reload the page.</p>
        <Group gap="xs" justify="center">
          <Button size="xs" onClick={() => location.reload()}>
            Reload page
          </Button>
          <Button size="xs" variant="default" onClick={reset}>
            Try again
          </Button>
        </Group>
      </Empty>
    </Screen>
  )
}
