import './manage.css'
import { Link } from '@tanstack/react-router'

/** Tabs of a screen, each with its own URL. */
export function Tabs<Tab extends string>({
  label,
  tabs,
  current,
}: {
  label: string
  tabs: readonly { tab: Tab; label: string }[]
  current: Tab
}) {
  return (
    <nav className="tabs" aria-label={label}>
      {tabs.map(({ tab, label: name }) => (
        <Link
          key={tab}
          to="."
          search={{ tab } as never}
          activeOptions={{ exact: true, includeSearch: true }}
          aria-current={tab === current ? 'page' : undefined}
        >
          {name}
        </Link>
      ))}
    </nav>
  )
}
