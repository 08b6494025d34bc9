import '../controls/manage.css'
import { Link } from '@tanstack/react-router'

type TabsProps<Tab extends string | undefined> = {
  label: string
  tabs: readonly { tab: Tab; label: string }[]
  current: Tab
  /** Name of the tab in the URL. */
  param?: string
  /** Keeps the other parameters of the URL. */
  isKeeping?: boolean
}

/** Tabs of a screen, at its left, each with its own URL. */
export const Tabs = <Tab extends string | undefined>(props: TabsProps<Tab>) => {
  const { label, tabs, current, param = 'tab', isKeeping = false } = props
  return (
    <nav className="tabs" aria-label={label}>
      {tabs.map(({ tab, label: name }) => (
        <Link
          key={name}
          to="."
          search={((before: object) => ({ ...(isKeeping && before), [param]: tab })) as never}
          activeOptions={{ exact: true, includeSearch: true }}
          aria-current={tab === current ? 'page' : undefined}
        >
          {name}
        </Link>
      ))}
    </nav>
  )
}
