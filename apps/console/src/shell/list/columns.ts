/** A column that a user may hide. `isExtra`: shown only if the user chooses it. */
export type Choosable = { id: string; isExtra?: boolean }

/** The name of a column in the URL, if it is not shown as usual: `user`, or `-cost` if hidden. */
const changeOf = ({ id, isExtra }: Choosable) => (isExtra ? id : `-${id}`)

/** The columns of a list that are shown, by the changes in the URL. */
export function shownColumns<Column extends Choosable>(
  columns: readonly Column[],
  given = '',
): readonly Column[] {
  const changes = given.split(',')
  return columns.filter(
    (column) => changes.includes(changeOf(column)) === (column.isExtra ?? false),
  )
}

/** The text for the URL if these columns are shown; undefined for the usual ones. */
export function columnsText(
  columns: readonly Choosable[],
  shown: readonly Choosable[],
): string | undefined {
  const changed = columns.filter((one) => shown.includes(one) === (one.isExtra ?? false))
  return changed.map(changeOf).join() || undefined
}

/** The text for the URL once a column of the given text is hidden, or shown if it was not. */
export function toggledColumn(
  columns: readonly Choosable[],
  column: Choosable,
  given?: string,
): string | undefined {
  const shown = shownColumns(columns, given)
  const others = shown.filter((one) => one !== column)
  return columnsText(columns, others.length < shown.length ? others : [...shown, column])
}
