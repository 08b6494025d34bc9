import type pg from 'pg'
import { standbyError } from './database-errors.ts'

/**
 * The identity of a database's history: the cluster, its timeline, the database, and the start of
 * its server. A promotion begins another timeline. A restored snapshot or a crash begins another
 * history without a new timeline.
 */
const identityOf = (timeline: string) => `concat_ws(' ', ${timeline},
  (select oid from pg_database where datname = current_database()),
  extract(epoch from pg_postmaster_start_time()))`

const complete = {
  suffix: '',
  text: identityOf(
    `(select system_identifier from pg_control_system()), left(pg_walfile_name(pg_current_wal_lsn()), 8)`,
  ),
}
/** For servers that deny ordinary roles the WAL functions, or lack them. */
const reduced = { suffix: '-reduced', text: identityOf(`'unknown'`) }

/** Permission denied, no such function, not supported. */
const refused = new Set(['42501', '42883', '0A000'])

const identityMs = 2_500

/** Detects whether the database still has the history that this process has seen. */
export type History = {
  /** Grows when the history may have lost commits. Reads of an earlier epoch may be void. */
  epoch: () => number
  /** Undefined before the first connection. */
  identity: () => string | undefined
  /** The SQL for `observe`, null on a standby. Other expressions need other statement names. */
  expression: () => { suffix: string; text: string }
  observe: (identity: string | null) => void
  /**
   * Reads the identity on a new connection, before its first statement. The listeners run before
   * any read or write on another history.
   * Contract: throws for a standby, whose data may be old.
   */
  check: (client: pg.ClientBase) => Promise<void>
  /** Listeners are called in the order in which they were added. Contract: they do not throw. */
  onChange: (listener: () => void) => () => void
}

export function createHistory(): History {
  const listeners = new Set<() => void>()
  let known: string | undefined
  let epoch = 0
  let identity = complete
  const expression = (of = identity) => ({
    suffix: of.suffix,
    text: `case when pg_is_in_recovery() then null else ${of.text} end`,
  })

  async function read(client: pg.ClientBase, of: typeof identity): Promise<string | null> {
    const text = `select ${expression(of).text} as identity`
    const { rows } = await client.query({ text, query_timeout: identityMs } as pg.QueryConfig)
    return rows[0].identity
  }

  function observe(seen: string | null) {
    if (seen === null || seen === known) return
    const isFirst = known === undefined
    known = seen
    if (isFirst) return
    epoch += 1
    for (const listener of listeners) listener()
  }

  return {
    epoch: () => epoch,
    identity: () => known,
    expression: () => expression(),
    observe,
    async check(client) {
      const tried = identity
      const seen = await read(client, tried).catch((error) => {
        if (tried === reduced || !refused.has(error.code)) throw error
        identity = reduced
        return read(client, reduced)
      })
      if (seen === null) throw standbyError()
      observe(seen)
    },
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
