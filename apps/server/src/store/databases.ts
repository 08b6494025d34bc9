import { setTimeout as sleep } from 'node:timers/promises'
import { newClient } from './connect.ts'

/** The template is in use by another copy, or another session is connected to it. */
const inUse = '55006'
const attemptsMax = 200
const pauseMs = 25

/** Names of databases are generated, never given by a user. */
const safeName = /^[a-z][a-z0-9_]{0,62}$/

/** Creates an empty database, or a copy of `template`, on the server of `adminUrl`. */
export async function createDatabase(adminUrl: string, name: string, template?: string) {
  const copied = template ? ` template ${quotedName(template)} strategy file_copy` : ''
  for (let attempt = 1; ; attempt++) {
    try {
      return await runAlone(adminUrl, `create database ${quotedName(name)}${copied}`)
    } catch (error) {
      if ((error as { code?: string }).code !== inUse || attempt === attemptsMax) throw error
      await sleep(pauseMs)
    }
  }
}

/** Drops a database and ends the connections to it. Succeeds where there is none. */
export const dropDatabase = (adminUrl: string, name: string) =>
  runAlone(adminUrl, `drop database if exists ${quotedName(name)} with (force)`)

/** Drops the databases whose names begin with `prefix`. */
export async function dropDatabases(adminUrl: string, prefix: string): Promise<void> {
  const text = 'select datname from pg_database where starts_with(datname, $1)'
  const rows = await query<{ datname: string }>(adminUrl, text, [prefix])
  for (const { datname } of rows) await dropDatabase(adminUrl, datname)
}

/** Makes sign-ins with the role's password cheap, for databases without real data. */
export const shortenSignIn = (url: string) =>
  runAlone(url, `set scram_iterations = 1; alter role postgres password '${passwordOf(url)}'`)

/** The URL of another database of the same server. */
export function urlOfDatabase(adminUrl: string, name: string): string {
  const url = new URL(adminUrl)
  url.pathname = name
  return url.href
}

function quotedName(name: string): string {
  if (!safeName.test(name)) throw new Error(`${JSON.stringify(name)} is not a name of a database.`)
  return `"${name}"`
}

const passwordOf = (url: string) => decodeURIComponent(new URL(url).password).replaceAll("'", "''")

const runAlone = (url: string, text: string) => query(url, text)

async function query<Row>(url: string, text: string, values?: unknown[]): Promise<Row[]> {
  const client = newClient(url)
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(text, values)).rows as Row[]
  } finally {
    await client.end()
  }
}
