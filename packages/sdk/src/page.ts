import type { Page as Items } from '@outlast/contract'
import { OutlastError } from './error.ts'
import type { CallOptions, Http, Query } from './http.ts'

/** One page of a list. `total` counts all that match; it stops at `total_capped`. */
export type Page<T> = Items<T> & { offset: number; limit: number }

/**
 * A list: awaited, its first page; iterated, everything that it holds, page by page. Nothing is
 * asked for before that, and nothing more after a `break`. `limit` is the size of a page, not a
 * bound.
 */
export type List<T> = PromiseLike<Page<T>> &
  Pick<Promise<Page<T>>, 'catch' | 'finally'> &
  AsyncIterable<T>

const pageSize = 100

/**
 * Contract: iterating brings nothing twice when something is added meanwhile, and leaves nothing
 * out when something is deleted, as far as `total` tells. It keeps one page, and of what it brought
 * the ids.
 */
export function listOf<T>(
  http: Http,
  path: string,
  query: (Query & { offset?: number; limit?: number }) | undefined,
  options: CallOptions | undefined,
): List<T> {
  async function get(asked?: Query) {
    const sent = { query: { limit: pageSize, ...query, ...asked } }
    const page = await http.call<Page<T>>('GET', path, sent, options)
    if (Array.isArray(page.data)) return page
    // At the path of a directory a file may stand.
    throw new OutlastError('not_a_directory', `Not a directory: ${decodeURIComponent(path)}`)
  }

  async function* iterate() {
    const seen = new Set<unknown>()
    const limit = query?.limit ?? pageSize
    const start = query?.offset ?? 0
    let known = 0
    for (let offset = start; ; ) {
      const page = await get({ limit, offset })
      const goneCount = known - page.total
      known = page.total
      // What was deleted moved the rest to the front.
      if (goneCount > 0 && offset > start) {
        offset = Math.max(start, offset - goneCount)
        continue
      }
      for (const item of page.data) {
        if (seen.has(keyOf(item))) continue
        seen.add(keyOf(item))
        options?.signal?.throwIfAborted()
        yield item
      }
      offset += page.data.length
      const isLast = !page.total_capped && offset >= page.total
      if (page.data.length === 0 || isLast) return
    }
  }

  return listFrom(get, iterate)
}

/** Contract: awaited more than once, it asks once. */
export function listFrom<T>(
  get: () => Promise<Page<T>>,
  iterate: () => AsyncGenerator<T, void, undefined>,
): List<T> {
  let asked: Promise<Page<T>> | undefined
  const first = () => {
    asked ??= get()
    return asked
  }
  return {
    // biome-ignore lint/suspicious/noThenProperty: a list is awaited for its first page
    then: (resolve, reject) => first().then(resolve, reject),
    catch: (reject) => first().catch(reject),
    finally: (work) => first().finally(work),
    [Symbol.asyncIterator]: iterate,
  }
}

/** What tells an item from others of its list. */
function keyOf(item: unknown): unknown {
  const { id, turn_id, user_id } = item as Record<string, unknown>
  return id ?? turn_id ?? user_id
}
