import type { Page as Items } from '@outlast/contract'
import type { CallOptions, Http, Query } from './http.ts'

/** One page of a list. `total` counts all that match; it stops at `total_capped`. */
export type Page<T> = Items<T> & { offset: number; limit: number }

/** A list: awaited, its first page; iterated, everything that it holds, page by page. */
export type List<T> = PromiseLike<Page<T>> & AsyncIterable<T>

const pageSize = 100

/**
 * Nothing is asked for before the list is awaited or iterated.
 * Contract: iterating brings nothing twice, also when something is added in front meanwhile.
 */
export function listOf<T>(
  http: Http,
  path: string,
  query: (Query & { offset?: number; limit?: number }) | undefined,
  options: CallOptions | undefined,
): List<T> {
  const get = (asked?: Query) =>
    http.call<Page<T>>('GET', path, { query: { ...query, ...asked } }, options)

  async function* iterate() {
    const seen = new Set<unknown>()
    for (let offset = query?.offset ?? 0; ; ) {
      const page = await get({ limit: query?.limit ?? pageSize, offset })
      for (const item of page.data) {
        const id = (item as { id?: unknown }).id
        if (id !== undefined && seen.has(id)) continue
        seen.add(id)
        yield item
      }
      offset += page.data.length
      const isLast = !page.total_capped && offset >= page.total
      if (page.data.length === 0 || isLast) return
    }
  }

  return {
    // biome-ignore lint/suspicious/noThenProperty: a list is awaited for its first page
    then: (resolve, reject) => get().then(resolve, reject),
    [Symbol.asyncIterator]: iterate,
  }
}
