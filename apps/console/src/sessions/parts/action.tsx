import { ActionIcon, Tooltip } from '@mantine/core'
import { useCopy } from '../../shell/controls/copy.ts'
import { Icon, type IconName } from '../../shell/controls/icon.tsx'

type ActionProps = {
  label: string
  icon: IconName
  onClick: () => void
  isBusy?: boolean
  /** For an action that is on or off. */
  isOn?: boolean
  /** Focuses the button when it appears. */
  autoFocus?: boolean
}

/** A small button with an icon and a tooltip. */
export function Action({ label, icon, onClick, isBusy = false, isOn, autoFocus }: ActionProps) {
  return (
    <Tooltip label={label} openDelay={300}>
      <ActionIcon
        variant="subtle"
        color={isOn ? undefined : 'gray'}
        size="sm"
        aria-label={label}
        aria-pressed={isOn}
        autoFocus={autoFocus}
        onClick={onClick}
        loading={isBusy}
      >
        <Icon name={icon} size={15} isFilled={isOn ?? false} />
      </ActionIcon>
    </Tooltip>
  )
}

export function CopyAction({ label, icon, text }: { label: string; icon: IconName; text: string }) {
  const { copy, isCopied, words } = useCopy(label)
  return <Action label={words} icon={isCopied ? 'check' : icon} onClick={() => copy(text)} />
}
