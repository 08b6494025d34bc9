import { ActionIcon, type ActionIconProps, Menu } from '@mantine/core'
import type { ReactNode } from 'react'

type MoreProps = ActionIconProps & { name: string; remove: () => void; children: ReactNode }

/** The menu of further actions for a resource. Deletion comes last. */
export const MoreMenu = ({ name, remove, children, ...icon }: MoreProps) => (
  <Menu position="bottom-end">
    <Menu.Target>
      <ActionIcon variant="default" size={30} aria-label={`More actions for ${name}`} {...icon}>
        ⋯
      </ActionIcon>
    </Menu.Target>
    <Menu.Dropdown>
      {children}
      <Menu.Divider />
      <Menu.Item color="var(--mantine-color-error)" onClick={remove}>
        Delete
      </Menu.Item>
    </Menu.Dropdown>
  </Menu>
)
