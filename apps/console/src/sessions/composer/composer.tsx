import {
  ActionIcon,
  Button,
  FileButton,
  Group,
  Loader,
  Text,
  Textarea,
  Tooltip,
} from '@mantine/core'
import type { Session } from '@outlast/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import { type KeyboardEvent, memo } from 'react'
import { outlast } from '../../client.ts'
import { meQuery } from '../../queries/me.ts'
import { Icon } from '../../shell/controls/icon.tsx'
import { Problem } from '../../shell/screen/problem.tsx'
import type { Attachments } from './attachments.ts'
import type { Attachment } from './content.ts'
import { ControlsChoice } from './controls.tsx'
import { useMessageDraft } from './drafts.ts'
import { type Busy, useSending } from './use-sending.ts'

type Composing = {
  session: Session | undefined
  sessionId: string
  isActive: boolean
  attachments: Attachments
}

/**
 * The message composer. While a turn runs, a message joins the turn, is queued after it, or
 * interrupts it. A streaming reply does not re-render the composer. Until the user is loaded, the
 * tab may hold drafts of its previous user.
 */
export const Composer = memo((composing: Composing) => {
  const { data: me } = useQuery(meQuery)
  return me !== undefined && <Fields {...composing} />
})

function Fields(composing: Composing) {
  const { session, sessionId, isActive, attachments } = composing
  const [draft, change] = useMessageDraft(sessionId)
  const cancel = useMutation({ mutationFn: () => outlast.sessions.cancelTurn(sessionId) })
  const sending = useSending({ sessionId, draft, change, attachments })
  const { send } = sending

  function onKeyDown(event: KeyboardEvent) {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
    event.preventDefault()
    send('steer')
  }

  return (
    <div className="composer">
      <Attached attachments={attachments} />
      <Textarea
        aria-label="Message"
        placeholder="Message the agent"
        autosize
        minRows={1}
        maxRows={10}
        value={draft.text}
        onChange={({ currentTarget }) => change({ text: currentTarget.value })}
        onKeyDown={onKeyDown}
        onPaste={(event) => {
          const files = [...event.clipboardData.files]
          if (files.length === 0) return
          event.preventDefault()
          attachments.add(files)
        }}
        autoFocus={hasKeyboard()}
      />
      <Group gap="xs" mt="xs" justify="space-between">
        <Group gap={6}>
          <FileButton multiple onChange={(files) => attachments.add(files)}>
            {(props) => (
              <Tooltip label="Attach files">
                <ActionIcon {...props} variant="default" aria-label="Attach files">
                  <Icon name="attach" />
                </ActionIcon>
              </Tooltip>
            )}
          </FileButton>
          <ControlsChoice session={session} draft={draft} change={change} />
        </Group>
        <Sending
          isActive={isActive}
          isDisabled={!sending.isSendable}
          send={send}
          cancel={() => cancel.mutate()}
        />
      </Group>
      {sending.isSaving && (
        <div className="unstored" role="status">
          <span>Sending. This browser cannot store the message. Keep this page open.</span>
        </div>
      )}
      {sending.problem !== '' && (
        <Text size="sm" c="var(--outlast-fail-text)" role="alert">
          Not sent. {sending.problem}
        </Text>
      )}
      <Problem error={cancel.error} />
    </div>
  )
}

/** False on phones: focusing the field would open the on-screen keyboard. */
const hasKeyboard = () => matchMedia('(hover: hover)').matches

type SendingProps = {
  isActive: boolean
  isDisabled: boolean
  send: (on_busy: Busy) => void
  cancel: () => void
}

function Sending({ isActive, isDisabled, send, cancel }: SendingProps) {
  return (
    <Group gap={6} ml="auto">
      {isActive && (
        <>
          <Button
            size="xs"
            px={10}
            variant="subtle"
            color="red"
            {...named('Cancel turn')}
            onClick={cancel}
          >
            Cancel
          </Button>
          <Button
            size="xs"
            px={10}
            variant="default"
            disabled={isDisabled}
            {...named('Stop and send')}
            onClick={() => send('interrupt')}
          >
            Stop and send
          </Button>
          <Button
            size="xs"
            px={10}
            variant="default"
            disabled={isDisabled}
            {...named('Send after this turn')}
            onClick={() => send('queue')}
          >
            Send after
          </Button>
        </>
      )}
      <Button
        size="xs"
        {...(isActive && { px: 10 })}
        disabled={isDisabled}
        {...(isActive && named('Send now (joins the running turn)'))}
        onClick={() => send('steer')}
      >
        {isActive ? 'Send now' : 'Send'}
      </Button>
    </Group>
  )
}

/** The full label of a button whose visible text is short, so that four fit on a phone. */
const named = (label: string) => ({ 'aria-label': label, title: label })

function Attached({ attachments: { all, remove } }: { attachments: Attachments }) {
  if (all.length === 0) return null
  return (
    <ul className="attachments" aria-label="Attachments">
      {all.map((one) => (
        <li key={one.key} className={one.state}>
          <Sign attachment={one} />
          <span className="attachment-name">{one.name}</span>
          {one.problem && <span role="alert">{one.problem}</span>}
          <ActionIcon
            size="xs"
            variant="subtle"
            color="gray"
            aria-label={`Remove ${one.name}`}
            onClick={() => remove(one.key)}
          >
            <Icon name="close" size={12} />
          </ActionIcon>
        </li>
      ))}
    </ul>
  )
}

function Sign({ attachment: { state, image } }: { attachment: Attachment }) {
  if (state === 'reading') return <Loader size={14} />
  if (!image) return <Icon name="file" />
  return <img src={`data:${image.media_type};base64,${image.base64}`} alt="" />
}
