import { Group } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { invalidate, outlast } from '../../client.ts'
import { sentenceOf } from '../../errors.ts'
import { sessionKeys } from '../../queries/keys.ts'
import { writeDraft } from '../composer/drafts.ts'
import { Action, CopyAction } from '../parts/action.tsx'
import { usePlace } from '../parts/session-place.tsx'
import { sequenceAfter, sequenceBefore } from './fork.ts'
import { useRetake } from './retake.ts'

type MessageActionsProps = {
  messageId: string
  text: string
  /** The fork ends before the message, and the message becomes its draft. */
  isBefore?: boolean
  /** Further actions. */
  children?: ReactNode
}

/** Actions for a message. Visible on hover and keyboard focus. */
export function MessageActions({
  messageId,
  text,
  isBefore = false,
  children,
}: MessageActionsProps) {
  const { sessionId, eventsNow } = usePlace()
  const navigate = useNavigate()
  const fork = useMutation({
    mutationFn: () => {
      const cut = isBefore ? sequenceBefore : sequenceAfter
      return outlast.sessions.fork(sessionId, { at_sequence: cut(eventsNow(), messageId) })
    },
    onSuccess({ id }) {
      if (isBefore) writeDraft(id, { text })
      invalidate(sessionKeys.lists)
      navigate({ to: '/sessions/$sessionId', params: { sessionId: id } })
    },
  })
  const link = `${location.origin}/sessions/${sessionId}?message=${messageId}`
  return (
    <Group className="message-actions" gap={2}>
      <CopyAction label="Copy text" icon="copy" text={text} />
      <CopyAction label="Copy link" icon="link" text={link} />
      <Action
        label={isBefore ? 'Fork before this message' : 'Fork from here'}
        icon="fork"
        onClick={() => fork.mutate()}
        isBusy={fork.isPending}
      />
      {children}
      {fork.isError && <span role="alert">{sentenceOf(fork.error)}</span>}
    </Group>
  )
}

/** Sends the message of a turn again. */
export function Regenerate({ turnId }: { turnId: string }) {
  const { eventsNow } = usePlace()
  const retake = useRetake()
  function regenerate() {
    const messageId = eventsNow().find(({ context }) => context.turn_id === turnId)?.context
      .input_message_id
    if (messageId) retake.mutate({ messageId })
  }
  return (
    <>
      <Action label="Regenerate" icon="again" onClick={regenerate} isBusy={retake.isPending} />
      {retake.isError && <span role="alert">{sentenceOf(retake.error)}</span>}
    </>
  )
}
