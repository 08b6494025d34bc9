import { ActionIcon, Group, Menu } from '@mantine/core'
import { itemsOf, type Transcript } from '@outlast/sdk'
import { Suspense, useState } from 'react'
import { outlast } from '../client.ts'
import { useMay } from '../queries/me.ts'
import { useCopy } from '../shell/controls/copy.ts'
import { Icon } from '../shell/controls/icon.tsx'
import { lazyPart } from '../shell/screen/lazy-part.ts'
import { type ScreenAction, useOfferedActions } from '../shell/screen/screen-actions.ts'
import { Action } from './parts/action.tsx'

const ShareDialog = lazyPart(() =>
  import('./share.tsx').then((all) => ({ default: all.ShareDialog })),
)

type Given = {
  sessionId: string
  title: string
  transcript: Transcript
  find: () => void
}

/** Actions for the whole conversation: buttons, and one menu on a phone. */
export function SessionActions({ sessionId, title, transcript, find }: Given) {
  const mayWrite = useMay('member')
  const [isSharing, setSharing] = useState(false)
  const { copy, isCopied, words } = useCopy('Copy conversation as Markdown')
  async function copyAll() {
    const { markdownOf } = await import('./conversation/as-markdown.ts')
    copy(markdownOf(title, itemsOf(transcript)))
  }
  const copying = { label: words, icon: isCopied ? ('check' as const) : ('copy' as const) }
  const sharing: ScreenAction = {
    label: 'Share session',
    icon: 'share',
    act: () => setSharing(true),
  }
  const entries: ScreenAction[] = [
    { label: 'Find in conversation', icon: 'search', act: find },
    { ...copying, act: () => void copyAll() },
    ...(mayWrite ? [sharing] : []),
  ]
  const cancelling: ScreenAction = {
    label: 'Cancel turn',
    icon: 'stop',
    act: () => outlast.sessions.cancelTurn(sessionId),
  }
  const mayCancel = mayWrite && transcript.status === 'active'
  useOfferedActions(mayCancel ? [cancelling, ...entries] : entries)
  return (
    <>
      <Group gap={2} wrap="nowrap" visibleFrom="sm">
        {entries.map(({ label, icon, act }) => (
          <Action key={icon} label={label} icon={icon} onClick={act} />
        ))}
      </Group>
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="default" size={30} hiddenFrom="sm" aria-label="Session actions">
            ⋯
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {entries.map(({ label, icon, act }) => (
            <Menu.Item key={icon} leftSection={<Icon name={icon} />} onClick={act}>
              {label}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      <Suspense>
        {isSharing && <ShareDialog sessionId={sessionId} close={() => setSharing(false)} />}
      </Suspense>
    </>
  )
}
