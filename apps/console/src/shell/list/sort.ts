import { useSearch } from '@tanstack/react-router'
import { useMemo } from 'react'

/** Values of an item by the name of a sortable column. */
export type Sortable<Item> = Record<string, (item: Item) => string | number | null | undefined>

/** Sorts by `name` or, descending, by `-name`. Items without a value come last. */
export function sortItems<Item>(
  items: readonly Item[],
  values: Sortable<Item>,
  sort: string | undefined,
): readonly Item[] {
  const isDown = sort?.startsWith('-')
  const name = isDown ? sort!.slice(1) : (sort ?? '')
  if (!Object.hasOwn(values, name)) return items
  const read = values[name]!
  return items.toSorted((one, other) => {
    const [a, b] = [read(one) ?? undefined, read(other) ?? undefined]
    if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined)
    return isDown ? compareValues(b, a) : compareValues(a, b)
  })
}

const compareValues = (a: string | number, b: string | number) =>
  typeof a === 'number' && typeof b === 'number'
    ? a - b
    : String(a).localeCompare(String(b), 'en', { numeric: true, sensitivity: 'base' })

/** Sorts items by the column in the URL. */
export function useSorted<Item>(items: readonly Item[], values: Sortable<Item> | undefined) {
  const { sort } = useSearch({ strict: false })
  return useMemo(() => (values ? sortItems(items, values, sort) : items), [items, values, sort])
}
