import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLog } from '../../apps/server/src/log.ts'
import { startEmbedded } from '../../apps/server/src/store/embedded/embedded.ts'
import { queryRows } from '../../bench/core/database.ts'
import { FlagError } from '../flags.ts'

/** The PostgreSQL of a run. */
export type RunDatabase = {
  url: string
  /** Ends it by the signal; it restarts by itself. Undefined if the server is not ours. */
  end: ((signal: 'SIGINT' | 'SIGKILL') => Promise<void>) | undefined
  /** Undefined when there is none. */
  standby: Standby | undefined
  /** Open connections may have to be cut before they notice. */
  setReadOnly: (isReadOnly: boolean) => Promise<void>
  /** True when all of its connections may be used up. */
  isOurs: boolean
  stop: () => Promise<void>
}

export type Standby = {
  /** Kills the primary; the standby takes its place, and the address leads there. */
  promote: () => Promise<void>
  /** Creates a new standby for the new primary. */
  replace: () => Promise<void>
}

const pauseMs = 50

/** Starts a PostgreSQL of our own in a folder. */
export async function ownDatabase(folder: string): Promise<RunDatabase> {
  const dataDir = path.join(folder, 'database')
  let broken: Error | undefined
  const onFatal = (error: Error) => {
    broken = error
  }
  const { url, stop } = await startEmbedded({ dataDir, log: createLog('silent'), onFatal })
  const pidFile = path.join(dataDir, 'postgres', 'postmaster.pid')
  const pidOf = () => Number(readFileSync(pidFile, 'utf8').split('\n')[0])
  return {
    url,
    async end(signal) {
      process.kill(pidOf(), signal)
      for (;;) {
        await sleep(pauseMs)
        if (broken) throw broken
        if (await isReachable(url)) return
      }
    },
    standby: undefined,
    setReadOnly: (isReadOnly) => setServerReadOnly(url, isReadOnly),
    isOurs: true,
    stop,
  }
}

/** Sets it for a whole server; open connections follow. */
export async function setServerReadOnly(url: string, isReadOnly: boolean): Promise<void> {
  await queryRows(url, `alter system ${readOnlySetting(isReadOnly)}`)
  await queryRows(url, 'select pg_reload_conf()')
}

const readOnlySetting = (isReadOnly: boolean) =>
  `${isReadOnly ? 'set' : 'reset'} default_transaction_read_only${isReadOnly ? ' = on' : ''}`

async function isReachable(url: string) {
  return queryRows(url, 'select 1').then(
    () => true,
    () => false,
  )
}

/** Creates a database on an existing server, dropped after the run. */
export async function databaseAt(serverUrl: string): Promise<RunDatabase> {
  const name = `outlast_chaos_${randomBytes(6).toString('hex')}`
  await queryRows(serverUrl, `create database ${name}`).catch((error: Error) => {
    throw new FlagError(`--database-url cannot be used: ${error.message}.`)
  })
  const url = new URL(serverUrl)
  url.pathname = name
  return {
    url: url.href,
    end: undefined,
    standby: undefined,
    async setReadOnly(isReadOnly) {
      await queryRows(serverUrl, `alter database ${name} ${readOnlySetting(isReadOnly)}`)
    },
    isOurs: false,
    stop: async () => void (await queryRows(serverUrl, `drop database ${name} with (force)`)),
  }
}
