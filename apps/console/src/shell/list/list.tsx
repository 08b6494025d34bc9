import './list.css'
import { Link, useSearch } from '@tanstack/react-router'
import { createContext, type ReactNode, type Ref, Suspense, useContext, useMemo } from 'react'
import { Icon } from '../controls/icon.tsx'
import { lazyPart } from '../screen/lazy-part.ts'
import { Failure } from '../screen/screen.tsx'
import { Skeleton } from '../screen/skeleton.tsx'
import { shownColumns } from './columns.ts'
import { type Sortable, useSorted } from './sort.ts'

const ColumnMenu = lazyPart(() =>
  import('./column-menu.tsx').then((all) => ({ default: all.ColumnMenu })),
)

export type ListColumn = {
  /** Name in the URL. */
  id: string
  head: string
  /** Track of the grid, such as `minmax(0, 2fr)`. */
  width: string
  /** Makes the column sortable. `desc`: the largest value comes first. */
  sort?: 'asc' | 'desc'
  isRight?: boolean
  /** Minimum width of the list that shows the column. Default: shown on phones too. */
  from?: 'medium' | 'wide'
  /** A phone shows the column as the second line of the row. */
  isSecond?: boolean
}

type Loaded = {
  isPending: boolean
  isError: boolean
  error: unknown
  refetch: () => unknown
}

/** Where a row of a long list is. */
export type RowPlace = {
  'data-index': number
  ref: Ref<HTMLLIElement>
  style: { transform: string }
}

type ListProps<Item> = ListRowsProps<Item> & {
  columns: readonly ListColumn[]
  query: Loaded
  /** Values of sortable columns. Contract: all items are loaded. */
  sort?: Sortable<Item>
  /** Shown when there are no items. */
  empty: ReactNode
  /** `LongRows` renders only visible rows. Default: all. */
  Rows?: (props: ListRowsProps<Item>) => ReactNode
}

type Chosen = { columns: readonly ListColumn[]; shown: readonly ListColumn[] }

const Columns = createContext<Chosen>({ columns: [], shown: [] })

/** A user may hide columns with a head, but not the first one. */
const mayHide = ({ head }: ListColumn, at: number) => at > 0 && head !== ''

/** The columns of a list, and those that the URL shows. */
function useChosen(columns: readonly ListColumn[]): Chosen {
  const { columns: given } = useSearch({ strict: false })
  return useMemo(() => {
    const chosen = shownColumns(columns, given)
    return {
      columns,
      shown: columns.filter((one, at) => !mayHide(one, at) || chosen.includes(one)),
    }
  }, [columns, given])
}

/** A list with column heads. Contract: each row is a `ListRow`. */
export function List<Item>({ label, columns, query, items, sort, ...props }: ListProps<Item>) {
  const { row, empty, Rows = AllRows } = props
  const sorted = useSorted(items, sort)
  const chosen = useChosen(columns)
  if (query.isPending) return <Skeleton />
  return (
    <Columns value={chosen}>
      {query.isError && <Failure error={query.error} retry={query.refetch} />}
      {!query.isError && items.length === 0 && empty}
      <Rows label={label} items={sorted} row={row} />
    </Columns>
  )
}

export type ListRowsProps<Item> = {
  label: string
  items: readonly Item[]
  /** Contract: the element has a key. */
  row: (item: Item, place?: RowPlace) => ReactNode
}

const AllRows = <Item,>({ label, items, row }: ListRowsProps<Item>) =>
  items.length > 0 && (
    <ListFrame>
      <ul aria-label={label}>{items.map((item) => row(item))}</ul>
    </ListFrame>
  )

/** The column heads above rows, and the tracks of the grid for two widths. */
export function ListFrame({ children }: { children: ReactNode }) {
  const { columns, shown } = useContext(Columns)
  const tracks = (some: readonly ListColumn[]) => some.map(({ width }) => width).join(' ')
  const style: Record<string, string> = {
    '--wide': tracks(shown),
    '--medium': tracks(shown.filter(({ from }) => from !== 'wide')),
  }
  return (
    <div className="list" style={style}>
      <div className="list-heads">
        {shown.map((column, at) => (
          <div key={column.id} data-from={column.from} data-right={column.isRight}>
            {column.sort ? <SortLink column={column} /> : column.head}
            {at === 0 && (
              <Suspense>
                <ColumnMenu columns={columns.filter(mayHide)} shown={shown} />
              </Suspense>
            )}
          </div>
        ))}
      </div>
      {children}
    </div>
  )
}

const opposite = (sort: string) => (sort.startsWith('-') ? sort.slice(1) : `-${sort}`)

/** Sorts by a column; the second time in the other direction; the third time not at all. */
function SortLink({ column: { id, head, sort: first } }: { column: ListColumn }) {
  const { sort: current } = useSearch({ strict: false })
  const sort = first === 'desc' ? `-${id}` : id
  const isSorted = current === sort || current === opposite(sort)
  const next = current === sort ? opposite(sort) : isSorted ? undefined : sort
  const direction = current?.startsWith('-') ? 'descending' : 'ascending'
  return (
    <Link
      to="."
      search={((before: object) => ({ ...before, sort: next })) as never}
      replace
      aria-current={isSorted || undefined}
      aria-label={isSorted ? `Sort by ${head}, ${direction}` : `Sort by ${head}`}
    >
      {head}
      {isSorted && <Icon name={direction === 'ascending' ? 'up' : 'down'} size={12} />}
    </Link>
  )
}

type ListRowProps = {
  /** The accessible name. */
  label: string
  /** One cell for each column. */
  children: readonly ReactNode[]
  /** The result of the last action, announced. */
  below?: ReactNode
  /** Details of an opened row. */
  more?: ReactNode
  isOff?: boolean
  place?: RowPlace | undefined
  ref?: Ref<HTMLLIElement>
}

/** A row. A link with the class `list-link` reacts to clicks on the whole row. */
export function ListRow({ label, children, below, more, isOff, place, ref }: ListRowProps) {
  const { columns, shown } = useContext(Columns)
  return (
    <li aria-label={label} data-off={isOff} ref={ref} {...place}>
      <div className="list-row">
        {shown.map((column) => (
          <div
            key={column.id}
            className="list-cell"
            data-from={column.from}
            data-right={column.isRight}
            data-second={column.isSecond}
          >
            {children[columns.indexOf(column)]}
          </div>
        ))}
      </div>
      {below !== undefined && (
        <div className="list-below" role="status">
          {below}
        </div>
      )}
      {more}
    </li>
  )
}
