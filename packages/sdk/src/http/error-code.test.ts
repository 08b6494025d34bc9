import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { catalogue } from '../../../../apps/server/src/errors.ts'
import { sentences } from '../../../../apps/server/src/runtime/turn.ts'

const source = readFileSync(new URL('./error-code.ts', import.meta.url), 'utf8')

function wordsOf(union: string): string[] {
  const [, words] = source.split(`export type ${union} =`)
  return [...words!.split('\n\n')[0]!.matchAll(/\| '(\w+)'/g)].map(([, word]) => word!)
}

test('lists the error codes of the server in the same order', () => {
  assert.deepEqual(wordsOf('ServerCode'), Object.keys(catalogue))
})

test('lists the codes of failed turns of the server', () => {
  assert.deepEqual(wordsOf('TurnCode'), Object.keys(sentences))
})
