import './column-menu.css'
import { Menu } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { Icon } from '../controls/icon.tsx'
import { type Choosable, toggledColumn } from './columns.ts'

type MenuColumn = Choosable & { head: string }

type ColumnMenuProps = { columns: readonly MenuColumn[]; shown: readonly MenuColumn[] }

/** Chooses the columns of a list. The choice is in the URL. */
export function ColumnMenu({ columns, shown }: ColumnMenuProps) {
  const navigate = useNavigate()
  // Changes the URL of the click: `shown` lacks a click that is not rendered yet.
  const toggle = (column: MenuColumn) => {
    const search = (before: { columns?: string }) => ({
      ...before,
      columns: toggledColumn(columns, column, before.columns),
    })
    navigate({ to: '.', search: search as never, replace: true })
  }
  return (
    <Menu position="bottom-start">
      <Menu.Target>
        <button type="button" className="column-menu" aria-label="Columns">
          <Icon name="gear" size={14} />
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        {columns.map((column) => (
          <Menu.CheckboxItem
            key={column.id}
            checked={shown.includes(column)}
            onChange={() => toggle(column)}
          >
            {column.head}
          </Menu.CheckboxItem>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}
