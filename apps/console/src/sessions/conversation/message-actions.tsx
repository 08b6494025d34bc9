import { ActionIcon, Group, Tooltip } from '@mantine/core'
import { useClipboard } from '@mantine/hooks'
import { useMutation } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { invalidate, outlast } from '../../client.ts'
import { sentenceOf } from '../../errors.ts'
import { sessionKeys } from '../../queries/keys.ts'
import { Icon, type IconName } from '../../shell/icon.tsx'
import { writeDraft } from '../composer/drafts.ts'
import { sequenceAfter, sequenceBefore } from './fork.ts'
import { usePlace } from './session-place.tsx'

type About = {
  messageId: string
  text: string
  /** The fork ends before the message, and the message becomes its draft. */
  isBefore?: boolean
}

/** Actions for a message. Visible on hover and keyboard focus. */
export function MessageActions({ messageId, text, isBefore = false }: About) {
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
      {fork.isError && <span role="alert">{sentenceOf(fork.error)}</span>}
    </Group>
  )
}

export function CopyAction({ label, icon, text }: { label: string; icon: IconName; text: string }) {
  const { copy, copied, error } = useClipboard({ timeout: 1_500 })
  return (
    <Action
      label={error ? 'The browser blocked copying' : copied ? 'Copied' : label}
      icon={copied ? 'check' : icon}
      onClick={() => copy(text)}
    />
  )
}

type ActionProps = { label: string; icon: IconName; onClick: () => void; isBusy?: boolean }

export function Action({ label, icon, onClick, isBusy = false }: ActionProps) {
  return (
    <Tooltip label={label} openDelay={300}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="sm"
        aria-label={label}
        onClick={onClick}
        loading={isBusy}
      >
        <Icon name={icon} size={15} />
      </ActionIcon>
    </Tooltip>
  )
}
