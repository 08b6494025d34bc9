import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { root } from './sources.ts'

const folder = path.join(root, 'apps/server/migrations')
/**
 * Checksums of the migrations by name. Each new migration adds a line; existing lines never change.
 */
const listed = JSON.parse(readFileSync(path.join(root, 'test/checks/migrations.json'), 'utf8'))
/** Release 0.1 created its indexes in transactions. */
const lastOfFirstRelease = '0013'

const migrations = readdirSync(folder)
  .sort()
  .map((name) => ({
    name,
    text: readFileSync(path.join(folder, name), 'utf8').replaceAll('\r\n', '\n'),
  }))

test('every migration is listed with an unchanged checksum', () => {
  const found = migrations.map(({ name, text }) => [
    name,
    createHash('sha256').update(text).digest('hex'),
  ])
  assert.deepEqual(Object.fromEntries(found), listed)
})

test('migrations have consecutive, unique numbers', () => {
  const numbers = migrations.map(({ name }) => Number(name.slice(0, 4)))
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => index + 1),
  )
})

/** They hold the table while they update its rows. */
const updatingSessions = [
  '0033_session_keys.sql',
  '0059_budget_reservations.sql',
  '0074_charges_in_shards.sql',
]

test('no later migration updates sessions while its change of the table blocks them', () => {
  const found = migrations.filter(
    ({ text }) => /^alter table sessions\b/m.test(text) && /^update sessions\b/m.test(text),
  )
  assert.deepEqual(
    found.map(({ name }) => name),
    updatingSessions,
  )
})

test('an index on an existing table is built concurrently, in its own file', () => {
  for (const { name, text } of migrations) {
    if (name.slice(0, 4) <= lastOfFirstRelease) continue
    const created = [...text.matchAll(/create table (\w+)/g)].map(([, table]) => table)
    const indexed = [...text.matchAll(/create (?:unique )?index (?!concurrently)\w+ on (\w+)/g)]
    for (const [, table] of indexed)
      assert.ok(created.includes(table), `${name}: index on ${table}`)
    const isConcurrent = text.startsWith('-- concurrently\n')
    assert.equal(isConcurrent, /index concurrently if not exists/.test(text), name)
    if (isConcurrent) assert.equal(text.match(/;/g)?.length, 1, `${name} has one statement`)
  }
})
