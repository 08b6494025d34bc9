import { NotFoundError } from '../core/failure.ts'

/**
 * Finds a row of a list by its complete id, for resources without a request of their own.
 * Contract: throws a NotFoundError if the list does not have it.
 */
export async function findRow<T extends { id: string }>(
  rows: AsyncIterable<T>,
  noun: string,
  id: string,
): Promise<T> {
  for await (const row of rows) if (row.id === id) return row
  throw new NotFoundError(`No ${noun} has the id ${JSON.stringify(id)}.`)
}
