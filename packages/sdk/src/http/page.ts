import type { Page as Items } from '@outlast/contract'
import { OutlastError } from './error.ts'
import type { CallOptions, Http, Query } from './http.ts'

/** One page of a list. `total` counts all matching items, or a part with `total_capped`. */
export type Page<T> = Items<T> & { offset: number; limit: number }

/**
 * A list. Awaited, it returns its first page; iterated, it yields all items, page by page. It sends
 * nothing before that, and nothing after a `break`. `limit` is the size of a page; it does not
 * limit an iteration.
 */
export type List<T> = PromiseLike<Page<T>> &
  Pick<Promise<Page<T>>, 'catch' | 'finally'> &
  AsyncIterable<T>

const pageSize = 100
/** Pages in a row without a new item, as when many items are added during an iteration. */
const repeatsMax = 10

/**
 * Creates a list of a path. An awaited list sends `first` unless `query` has its own values.
 * Contract: an iteration yields no item twice when items are added meanwhile, and skips none when
 * items are deleted, as far as `total` is exact. If items are moved, it may skip others. It holds
 * one page and the ids of yielded items.
 */
export function listOf<T>(
  http: Http,
  path: string,
  query: (Query & { offset?: number; limit?: number }) | undefined,
  options: CallOptions | undefined,
  first: Query = { limit: pageSize },
): List<T> {
  async function get(asked: Query) {
    const page = await http.call<Page<T>>('GET', path, { query: asked }, options)
    if (Array.isArray(page.data)) return page
    // The path of a directory can also name a file.
    throw new OutlastError('not_a_directory', `Not a directory: ${decodeURIComponent(path)}`)
  }

  async function* iterate() {
    const seen = new Set<unknown>()
    const limit = query?.limit ?? pageSize
    const start = query?.offset ?? 0
    let known = 0
    let repeats = 0
    for (let offset = start; ; ) {
      const page = await get({ ...query, limit, offset })
      const goneCount = known - page.total
      known = page.total
      // Deleted items moved the others to the front.
      if (goneCount > 0 && offset > start) {
        offset = Math.max(start, offset - goneCount)
        continue
      }
      let isNew = false
      for (const item of page.data) {
        if (seen.has(keyOf(item))) continue
        seen.add(keyOf(item))
        isNew = true
        options?.signal?.throwIfAborted()
        yield item
      }
      offset += page.data.length
      const isLast = !page.total_capped && offset >= page.total
      // A server that ignores `offset` repeats its pages for ever.
      repeats = isNew ? 0 : repeats + 1
      if (page.data.length === 0 || isLast || repeats > repeatsMax) return
    }
  }

  return listFrom(() => get({ ...first, ...query }), iterate)
}

/** Combines both uses of a list. Contract: several awaits send one request. */
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

/** Returns the id of an item, or what is unique among the items of its list. */
function keyOf(item: unknown): unknown {
  const { id, turn_id, user_id, key, tool_name, name } = item as Record<string, unknown>
  return id ?? turn_id ?? user_id ?? key ?? tool_name ?? name ?? item
}
