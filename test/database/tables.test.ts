import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { test } from 'node:test'
import pg from 'pg'
import { createTestDatabase } from '../../apps/server/test/database.ts'

type Column = { type: string; nullable: boolean; filled: boolean }
type Table = Record<string, Column>

const folder = new URL('../../apps/server/src/store/tables/', import.meta.url)
const sources = (await readdir(folder)).map((name) => new URL(name, folder))

/** PostgreSQL's names of the types that the tables use, and whether they allow null. */
const types: Record<string, { is: string[]; nullable?: true }> = {
  string: { is: ['text', 'uuid', 'date', 'tsvector'] },
  Role: { is: ['text'] },
  'Scope[]': { is: ['text[]'] },
  number: { is: ['bigint', 'integer', 'smallint', 'double precision'] },
  Numeric: { is: ['numeric'] },
  boolean: { is: ['boolean'] },
  Buffer: { is: ['bytea'] },
  'string[]': { is: ['text[]', 'uuid[]'] },
  'number[]': { is: ['integer[]'] },
  Time: { is: ['timestamp with time zone'] },
  NullableTime: { is: ['timestamp with time zone'], nullable: true },
  UsesColumn: { is: ['json'] },
  ToolsColumn: { is: ['json'] },
  WaitingColumn: { is: ['json'], nullable: true },
  LastTurnColumn: { is: ['json'], nullable: true },
  'JSONColumnType<object>': { is: ['json'] },
  Details: { is: ['json', 'jsonb'], nullable: true },
  AnyJson: { is: ['json'], nullable: true },
  ExecutionStatus: { is: ['text'] },
  AgUiRunKind: { is: ['text'] },
  TokenAccess: { is: ['text'] },
  TokenView: { is: ['text'] },
  TokenFiles: { is: ['text'] },
  CompositeText: { is: ['budget_reservation'] },
  ChannelType: { is: ['text'] },
  ChannelStatus: { is: ['text'] },
  KeyPermissions: { is: ['text[]'] },
}

/** The tables of the files above, read as text: types are erased at run time. */
async function declaredTables() {
  const texts = await Promise.all(sources.map((source) => readFile(source, 'utf8')))
  const text = texts.join('\n')
  const bodies = new Map(
    [...text.matchAll(/^export type (\w+) = \{(.*?)\}$/gms)].map(([, name, body]) => [
      name!,
      body!,
    ]),
  )
  const fieldsOf = (name: string) =>
    [...bodies.get(name)!.matchAll(/(\w+): ([^\n;]+)/g)].map(
      ([, field, type]) => [field!, type!.trim()] as const,
    )
  return new Map(fieldsOf('Tables').map(([table, type]) => [table, fieldsOf(type)]))
}

async function realTables(url: string) {
  const client = new pg.Client(url)
  await client.connect()
  const { rows } = await client.query(`
    select c.relname as table, a.attname as name, not a.attnotnull as nullable, a.atthasdef or a.attidentity <> '' as filled,
      format_type(a.atttypid, null) as type
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
      and c.relname <> 'outlast_migrations'`)
  await client.end()
  const tables = new Map<string, Table>()
  for (const { table, name, ...column } of rows) {
    tables.set(table, { ...tables.get(table), [name]: column })
  }
  return tables
}

function problemOf(declared: string, { type, nullable, filled }: Column) {
  const generated = /^Generated<(.*)>$/.exec(declared)?.[1]
  const [base, none] = (generated ?? declared).split(' | ') as [string, string?]
  const known = types[base]
  if (!known) return `has a type that is not in this test: ${base}`
  if (!known.is.includes(type)) return `is ${base}, in the database ${type}`
  const allowsNull = none === 'null' || known.nullable === true
  if (allowsNull !== nullable)
    return `may be null ${nullable ? 'only in the database' : 'only here'}`
  if (generated && !filled) return 'has no default in the database'
  return undefined
}

test('tables.ts matches the migrated database', async (t) => {
  const declared = await declaredTables()
  const real = await realTables(await createTestDatabase(t))
  assert.deepEqual([...declared.keys()].sort(), [...real.keys()].sort())
  const problems: string[] = []
  for (const [table, fields] of declared) {
    const columns = real.get(table)!
    assert.deepEqual(fields.map(([name]) => name).sort(), Object.keys(columns).sort(), table)
    for (const [name, type] of fields) {
      const problem = problemOf(type, columns[name]!)
      if (problem) problems.push(`${table}.${name} ${problem}`)
    }
  }
  assert.deepEqual(problems, [])
})
