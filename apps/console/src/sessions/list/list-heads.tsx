import { useNavigate, useSearch } from '@tanstack/react-router'
import { Suspense } from 'react'
import { Icon } from '../../shell/controls/icon.tsx'
import { lazyPart } from '../../shell/screen/lazy-part.ts'
import { type SessionColumn, sessionColumns } from './list-state.ts'

const ColumnMenu = lazyPart(() =>
  import('../../shell/list/column-menu.tsx').then((all) => ({ default: all.ColumnMenu })),
)

/** The names of the columns, above the rows. Some sort the list. */
export function Heads({ shown }: { shown: readonly SessionColumn[] }) {
  const { search, sort = 'created_at', order = 'desc' } = useSearch({ from: '/' })
  const navigate = useNavigate({ from: '/' })
  const sortBy = (next: 'created_at' | 'last_activity' | 'cost') => {
    const isTurned = next === sort && order === 'desc'
    navigate({
      search: (before) => ({
        ...before,
        sort: next === 'created_at' ? undefined : next,
        order: isTurned ? 'asc' : undefined,
      }),
      replace: true,
    })
  }
  return (
    <div className="session-heads">
      <span className="session-head">
        <span aria-hidden="true">Session</span>
        <Suspense>
          <ColumnMenu columns={sessionColumns} shown={shown} />
        </Suspense>
      </span>
      {shown.map((column) => {
        const { id, head } = column
        // A search has an order of its own.
        if (!('sort' in column) || search) {
          return (
            <span key={id} aria-hidden="true" data-column={id}>
              {head}
            </span>
          )
        }
        const isCurrent = column.sort === sort
        const way = isCurrent ? (order === 'desc' ? ', descending' : ', ascending') : ''
        return (
          <button
            key={id}
            type="button"
            className="session-sort"
            aria-pressed={isCurrent}
            aria-label={`Sort by ${head.toLowerCase()}${way}`}
            onClick={() => sortBy(column.sort)}
          >
            {head}
            {isCurrent && <Icon name={order === 'desc' ? 'down' : 'up'} size={12} />}
          </button>
        )
      })}
    </div>
  )
}
