import { ActionIcon, Menu, useMantineColorScheme } from '@mantine/core'
import { Icon } from './controls/icon.tsx'

export const schemes = [
  { name: 'light', label: 'Light', icon: 'sun' },
  { name: 'dark', label: 'Dark', icon: 'moon' },
  { name: 'auto', label: 'System', icon: 'screen' },
] as const

/** Chooses the color scheme and stores it in this browser. public/scheme.js reads it first. */
export function Scheme() {
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const { icon } = schemes.find(({ name }) => name === colorScheme) ?? schemes[2]
  return (
    <Menu position="top-end">
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label="Color theme">
          <Icon name={icon} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {schemes.map(({ name, label, icon }) => (
          <Menu.Item
            key={name}
            leftSection={<Icon name={icon} size={14} />}
            rightSection={name === colorScheme && <Icon name="check" size={14} />}
            onClick={() => setColorScheme(name)}
          >
            {label}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}
