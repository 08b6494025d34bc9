import type { ChildProcess } from 'node:child_process'
import { isEnded, launchProcess, warmUp } from './server-process.ts'
import { openTestDatabase, type TestDatabase } from './test-database.ts'

/** A process that has loaded the server's code, with a database. */
type Prepared = { child: ChildProcess; databaseUrl: string | undefined; database: TestDatabase }

/** Prepared in the background after a start, for the next one. */
let next: Promise<Prepared | undefined> | undefined

/** Takes the prepared process and database, or new ones. */
export async function takePrepared(databaseUrl: string | undefined): Promise<Prepared> {
  const prepared = await take()
  if (prepared && prepared.databaseUrl === databaseUrl) return prepared
  if (prepared) discard(prepared)
  const child = launchProcess()
  return { child, databaseUrl, database: await databaseFor(child, databaseUrl) }
}

/**
 * Begins a server with the prepared process on a database that exists. The database that was
 * prepared is dropped after the start: a process whose database is dropped while it warms up waits
 * for it without end.
 */
export async function beginPrepared<T>(begin: (child: ChildProcess) => Promise<T>): Promise<T> {
  const prepared = await take()
  try {
    return await begin(prepared?.child ?? launchProcess())
  } finally {
    void prepared?.database.drop()
  }
}

async function take() {
  const taken = next
  next = undefined
  const prepared = await taken
  if (!prepared || !(isEnded(prepared.child) || prepared.database.isLost())) return prepared
  discard(prepared)
  return undefined
}

function discard({ child, database }: Prepared): void {
  child.kill('SIGKILL')
  void database.drop()
}

/** Prepares a process and a database for the next server, unless one is prepared. */
export function prepareNext(databaseUrl: string | undefined): void {
  next ??= prepare(databaseUrl).catch(() => undefined)
}

async function prepare(databaseUrl: string | undefined): Promise<Prepared> {
  const child = launchProcess()
  const database = await databaseFor(child, databaseUrl)
  warmUp(child, database.settings)
  return { child, databaseUrl, database }
}

async function databaseFor(child: ChildProcess, databaseUrl: string | undefined) {
  try {
    return await openTestDatabase(databaseUrl)
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
}
