import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { mutants } from '../../scripts/mutate/mutants.ts'

const source = (file: string) =>
  readFileSync(new URL(`../../apps/server/src/${file}`, import.meta.url), 'utf8')

test('each mutant changes exactly one place in the code', () => {
  const misfits = mutants.filter(({ file, from }) => source(file).split(from).length !== 2)
  assert.deepEqual(
    misfits.map(({ name }) => name),
    [],
  )
})
