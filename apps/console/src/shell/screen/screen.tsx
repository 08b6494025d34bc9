import { ActionIcon, Alert, Button, Group, Text, Title } from '@mantine/core'
import { useDocumentTitle } from '@mantine/hooks'
import { Link, useLocation } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { sentenceOf } from '../../errors.ts'
import { Icon } from '../controls/icon.tsx'
import { escaped } from '../text/escapes.ts'
import { isAt, places } from './places.ts'

/** A screen: title, actions, and scrollable content. */
export function Screen({
  title,
  tabTitle = title,
  actions,
  children,
}: {
  title: string
  /** Title of the browser tab. Default: `title`. */
  tabTitle?: string
  actions?: ReactNode
  children: ReactNode
}) {
  useDocumentTitle(tabTitle === '' ? 'Outlast' : `${escaped(tabTitle)} · Outlast`)
  return (
    <div className="screen">
      <Group className="bar" justify="space-between" wrap="nowrap" gap="sm">
        <Back />
        <Title order={1} size="h5" fw={600} lineClamp={1} flex={1}>
          {escaped(title)}
        </Title>
        <Group gap="xs" wrap="nowrap">
          {actions}
        </Group>
      </Group>
      {children}
    </div>
  )
}

/** A link to the parent screen, on phones only. */
function Back() {
  const { pathname } = useLocation()
  const place = places.find(({ to }) => isAt(pathname, to))
  if (!place || place.to === pathname) return null
  return (
    <ActionIcon
      renderRoot={(props) => <Link to={place.to} {...props} />}
      hiddenFrom="sm"
      variant="subtle"
      color="gray"
      aria-label={`Back to ${place.label}`}
    >
      <Icon name="back" />
    </ActionIcon>
  )
}

/** An error with a retry button. */
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

/** An empty state: the missing resource, and the next step. */
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
