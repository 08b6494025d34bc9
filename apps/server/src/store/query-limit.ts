import type pg from 'pg'

type QueryDone = (error: Error | null | undefined, result?: pg.QueryResult) => void
type SendQuery = (query: unknown, values: unknown, done?: QueryDone) => unknown

/**
 * Ends each query of a client that takes longer than `limitMs` with the error of pg's own
 * `query_timeout`, which queries can still name. pg assigns a closure to a property for it, and for
 * each promise. V8 allocates such closures in the old generation, where each keeps its query, with
 * values and result, until the next major garbage collection.
 * Contract: close the connection after that error. Queries that wait behind the late one are not
 * taken back.
 */
export function limitQueries(client: pg.Client, limitMs: number): pg.Client {
  const send = client.query.bind(client) as SendQuery
  const sendLimited = (query: unknown, values: unknown, done: QueryDone) => {
    let isOver = false
    const finish: QueryDone = (error, result) => {
      if (isOver) return
      isOver = true
      clearTimeout(timer)
      done(error, result)
    }
    send(query, values, finish)
    const timer = setTimeout(() => finish(new Error('Query read timeout')), limitMs)
  }
  const promised = (query: unknown, values: unknown) =>
    new Promise((resolve, reject) => {
      sendLimited(query, values, (error, result) => (error ? reject(error) : resolve(result)))
    }).catch((error) => {
      // The stack of the caller instead of that of the socket, as pg does.
      Error.captureStackTrace(error)
      throw error
    })
  client.query = ((
    query: pg.QueryConfig & { query_timeout?: number },
    second: unknown,
    third?: QueryDone,
  ) => {
    if (query.query_timeout) return send(query, second, third)
    const [values, done] =
      typeof second === 'function' ? [undefined, second as QueryDone] : [second, third]
    return done ? sendLimited(query, values, done) : promised(query, values)
  }) as typeof client.query
  return client
}
