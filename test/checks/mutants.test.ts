import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { mutants } from '../../scripts/mutate/mutants.ts'
import { read } from './sources.ts'

const source = (file: string) =>
  readFileSync(new URL(`../../apps/server/src/${file}`, import.meta.url), 'utf8')

test('each mutant changes exactly one place in the code', () => {
  const misfits = mutants.filter(({ file, from }) => source(file).split(from).length !== 2)
  assert.deepEqual(
    misfits.map(({ name }) => name),
    [],
  )
})

test('the pattern of each mutant matches a test name in its files', () => {
  const misfits = mutants.filter(({ tests, pattern }) => {
    const names = tests.flatMap((file) => read(file).match(/\btest\(\s*['"`].*/g) ?? [])
    const words = pattern?.split('|') ?? []
    return words.some((word) => !names.some((name) => name.includes(word)))
  })
  assert.deepEqual(
    misfits.map(({ name, pattern }) => `${name}: ${pattern}`),
    [],
  )
})
