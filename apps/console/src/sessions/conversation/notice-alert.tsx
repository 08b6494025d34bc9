import { Alert, Anchor, Button, Code, Group } from '@mantine/core'
import type { Notice } from '@outlast/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { invalidate, outlast } from '../../client.ts'
import { sentenceOf } from '../../errors.ts'
import { sessionKeys } from '../../queries/keys.ts'
import { useMay } from '../../queries/me.ts'
import { sessionQuery } from '../../queries/sessions.ts'
import { LongText } from '../parts/long-text.tsx'
import { usePlace } from '../parts/session-place.tsx'

type FailedTurnNotice = Extract<Notice, { type: 'turn.failed' }>
export type AlertNotice =
  | FailedTurnNotice
  | Extract<Notice, { type: 'mcp.unavailable' | 'capability.unavailable' }>

function titleOf(item: AlertNotice): string {
  switch (item.type) {
    case 'turn.failed':
      return 'Turn failed'
    case 'mcp.unavailable':
      return `Tools of ${item.data.name} are unavailable`
    case 'capability.unavailable':
      return `Capability ${item.data.capability_id} is unavailable`
  }
}

/** A failed turn, or tools that a turn lacked. */
export function NoticeAlert({ item }: { item: AlertNotice }) {
  const { isReadOnly } = usePlace()
  const hasFailed = item.type === 'turn.failed'
  return (
    <Alert color={hasFailed ? 'red' : 'yellow'} mb="md" role="note" title={titleOf(item)}>
      <LongText name={item.key} text={item.data.error} />
      {hasFailed && !isReadOnly && <FailedTurn data={item.data} />}
    </Alert>
  )
}

/** The code of a failure, the way to its steps, and a retry of the latest turn. */
function FailedTurn({
  data: { turn_id: turnId, error_code: code },
}: Pick<FailedTurnNotice, 'data'>) {
  const { sessionId } = usePlace()
  const mayRetry = useMay('member')
  const latest = useQuery(sessionQuery(sessionId)).data?.last_turn
  const retry = useMutation({
    mutationFn: () => outlast.sessions.retry(sessionId),
    onSettled: () => invalidate(sessionKeys.one(sessionId)),
  })
  return (
    <Group gap="sm" mt={8}>
      {mayRetry && latest?.id === turnId && (
        <Button
          size="compact-xs"
          variant="default"
          loading={retry.isPending}
          onClick={() => retry.mutate()}
        >
          Retry
        </Button>
      )}
      <Anchor
        size="sm"
        renderRoot={(props) => (
          <Link
            to="/sessions/$sessionId"
            params={{ sessionId }}
            search={(before: object) => ({ ...before, panel: 'timeline', turn: turnId })}
            {...props}
          />
        )}
      >
        View in timeline
      </Anchor>
      {code && <Code>{code}</Code>}
      {retry.isError && <span role="alert">{sentenceOf(retry.error)}</span>}
    </Group>
  )
}
