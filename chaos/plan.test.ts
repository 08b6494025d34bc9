import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FlagError, type Flags, readFlags } from './flags.ts'
import { messageOf, soundKinds, stepsOf } from './load/script.ts'
import { describeFault, faultKinds, planOf } from './plan.ts'
import { randomOf } from './random.ts'

const planned = (seed: number) => planOf(seed, { nodes: 3 }).take(100).toArray()

test('the same seed makes the same plan, another seed another', () => {
  assert.deepEqual(planned(7), planned(7))
  assert.notDeepEqual(planned(7), planned(8))
})

test('the same names make the same messages', () => {
  const messages = () => {
    const random = randomOf(7, 'talk', 1)
    return soundKinds.map((kind) => messageOf('s1m1a', stepsOf(kind, 's1m1a', random)))
  }
  assert.deepEqual(messages(), messages())
})

test('a plan soon has every kind, and names only existing nodes', () => {
  const plan = planned(1)
  assert.deepEqual(
    plan.slice(0, 3).map(({ kind }) => kind),
    ['kill', 'database_kill', 'stop'],
  )
  const soon = new Set(plan.slice(0, 27).map(({ kind }) => kind))
  assert.deepEqual([...soon].sort(), [...faultKinds].sort())
  assert.ok(plan.every(({ node }) => node === undefined || [0, 1, 2].includes(node)))
  assert.ok(plan.every((fault) => !describeFault(fault).includes('undefined')))
})

test('a plan of chosen kinds has each of them and no other', () => {
  const kinds = ['failover', 'stop'] as const
  const plan = planOf(1, { nodes: 3, kinds }).take(10).toArray()
  assert.deepEqual([...new Set(plan.map(({ kind }) => kind))].sort(), kinds)
})

test('reads flags, and refuses an invalid one in one sentence', () => {
  assert.deepEqual(readFlags(['--minutes', '0.5', '--seed', '7']), {
    minutes: 0.5,
    seed: 7,
    databaseUrl: undefined,
    keepIn: undefined,
    kinds: faultKinds,
  })
  assert.deepEqual((readFlags(['--faults', 'failover, slow']) as Flags).kinds, ['failover', 'slow'])
  assert.equal(readFlags(['--help']), 'help')
  const wrong: [string[], RegExp][] = [
    [['--minutes', '0'], /^--minutes must be .* not "0"\.$/],
    [['--minutes', 'five'], /^--minutes must be .* not "five"\.$/],
    [['--minutes', ''], /^--minutes must be/],
    [['--minutes'], /--minutes.*See --help\.$/],
    [['--seed', '-1'], /--seed/],
    [['--seed', '1.5'], /^--seed must be a whole number/],
    [['--database-url', 'mysql://x'], /^--database-url must begin with postgres/],
    [['--faults', 'slow,rain'], /^--faults must be names from kill, .* slow, not "rain"\.$/],
    [['--faults', ''], /^--faults must be names/],
    [['--quick'], /--quick.*See --help\.$/],
    [['5'], /5.*See --help\.$/],
  ]
  for (const [args, sentence] of wrong) {
    assert.throws(
      () => readFlags(args),
      (error: Error) => {
        assert.ok(error instanceof FlagError)
        assert.match(error.message, sentence)
        assert.doesNotMatch(error.message, /\n/)
        return true
      },
    )
  }
})
