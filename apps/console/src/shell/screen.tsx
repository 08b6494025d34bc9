import { Alert, Button, Group, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import { sentenceOf } from '../client.ts'

/** A screen: its name, what can be done with all of it, and what scrolls below. */
export function Screen({
  title,
  actions,
  children,
}: {
  title: ReactNode
  actions?: ReactNode
  children: ReactNode
}) {
  return (
    <div className="screen">
      <Group className="bar" justify="space-between" wrap="nowrap" gap="sm">
        <Title order={1} size="h4" lineClamp={1}>
          {title}
        </Title>
        <Group gap="xs" wrap="nowrap">
          {actions}
        </Group>
      </Group>
      {children}
    </div>
  )
}

/** What went wrong, and a way to try again. */
export function Failure({ error, retry }: { error: unknown; retry?: () => unknown }) {
  return (
    <Alert color="red" m="md" role="alert" title={sentenceOf(error)}>
      {retry && (
        <Button size="xs" variant="light" color="red" onClick={() => retry()}>
          Try again
        </Button>
      )}
    </Alert>
  )
}

/** Nothing is here yet: what it would be, and how to make the first. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <Text fw={600}>{title}</Text>
      <Text size="sm" c="dimmed" component="div">
        {children}
      </Text>
    </div>
  )
}
