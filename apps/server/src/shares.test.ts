import assert from 'node:assert/strict'
import test from 'node:test'
import { createShares, type ShareLimits } from './shares.ts'

const limits: ShareLimits = { slots: 2, slotsEach: 2, waitingMax: 10, waitingEachMax: 10 }
const busy = () => new Error('busy')

/** Work of owners that ends on demand; `begun` lists the owners in the order of service. */
function gated(given: Partial<typeof limits> = {}) {
  const clock = { ms: 0 }
  const shares = createShares({ ...limits, ...given }, busy, () => clock.ms)
  const begun: string[] = []
  const ends: (() => void)[] = []
  const start = (owner: string, signal?: AbortSignal) =>
    shares.run(
      owner,
      () => {
        begun.push(owner)
        return new Promise<void>((resolve) => ends.push(resolve))
      },
      signal,
    )
  /** Ends the oldest work, and starts the next. */
  const endOne = async () => {
    ends.shift()!()
    await new Promise(setImmediate)
  }
  return { begun, start, endOne, clock }
}

test('waiting owners take turns, regardless of the number of their requests', async () => {
  const { begun, start, endOne } = gated()
  for (const owner of ['a', 'a', 'a', 'a', 'a', 'b', 'c']) void start(owner)
  for (let n = 0; n < 5; n += 1) await endOne()
  assert.deepEqual(begun, ['a', 'a', 'a', 'b', 'c', 'a', 'a'])
})

test('an owner whose work is slow is served after owners that used less time', async () => {
  const { begun, start, endOne, clock } = gated({ slots: 1 })
  for (const owner of ['a', 'b', 'a', 'b']) void start(owner)
  clock.ms += 2_000
  await endOne()
  clock.ms += 1_000
  void start('light')
  await endOne()
  void start('light')
  await endOne()
  await endOne()
  assert.deepEqual(begun, ['a', 'b', 'light', 'light', 'b'])
  await endOne()
  for (const owner of ['b', 'a', 'light']) void start(owner)
  clock.ms += 1_000_000
  await endOne()
  await endOne()
  assert.deepEqual(begun.slice(5), ['a', 'b', 'light'])
})

test('an owner never has more than its slots, and leaves the rest to others', async () => {
  const { begun, start, endOne } = gated({ slots: 3, slotsEach: 1 })
  for (const owner of ['a', 'a', 'b']) void start(owner)
  assert.deepEqual(begun, ['a', 'b'])
  await endOne()
  assert.deepEqual(begun, ['a', 'b', 'a'])
})

test('owners that leave room take no more slots than they leave free', async () => {
  const { begun, start, endOne } = gated({ slots: 6, slotsEach: 4, leavesRoom: true })
  for (const owner of ['a', 'a', 'a', 'a', 'b', 'b', 'b', 'c']) void start(owner)
  assert.deepEqual(begun, ['a', 'a', 'a', 'b', 'b', 'c'])
  await endOne()
  assert.deepEqual(begun.slice(6), [], 'one is free, and both have more')
  void start('d')
  assert.deepEqual(begun.slice(6), ['d'])
})

test('refuses work when too much waits, of one owner or of all', async () => {
  const { start } = gated({ slots: 1, waitingMax: 2, waitingEachMax: 1 })
  void start('a')
  void start('a')
  await assert.rejects(start('a'), /busy/)
  void start('b')
  await assert.rejects(start('c'), /busy/)
})

test('a signal ends the waiting, and the next one is served', async () => {
  const { begun, start, endOne } = gated({ slots: 1 })
  const controller = new AbortController()
  void start('a')
  const given = start('b', controller.signal)
  void start('c')
  controller.abort(new Error('given up'))
  await assert.rejects(given, /given up/)
  await endOne()
  assert.deepEqual(begun, ['a', 'c'])
})

test('refuses work that waits too long, while later work still waits its time', async () => {
  const { begun, start, endOne, clock } = gated({ slots: 1, waitMs: 20 })
  const late: string[] = []
  const wait = (owner: string) => start(owner).catch(({ message }) => late.push(owner + message))
  void start('a')
  const waits = [wait('b'), wait('a')]
  clock.ms = 20
  await Promise.all(waits)
  assert.deepEqual(late, ['bbusy', 'abusy'])
  void wait('c')
  clock.ms = 30
  await endOne()
  assert.deepEqual(begun, ['a', 'c'])
})

test('refuses a wait that expires during the check of waits, without a warning of a negative timeout', async (t) => {
  const warnings: string[] = []
  const warned = ({ name }: Error) => void warnings.push(name)
  process.on('warning', warned)
  t.after(() => process.off('warning', warned))
  let ms = 0
  const passing = () => {
    ms += 15
    return ms
  }
  const shares = createShares({ ...limits, slots: 1, waitMs: 20 }, busy, passing)
  void shares.run('a', () => new Promise(() => {}))
  await assert.rejects(
    shares.run('a', async () => {}),
    busy(),
  )
  assert.deepEqual(warnings, [])
})

test('work that fails frees its slot', async () => {
  const shares = createShares({ ...limits, slots: 1 }, busy)
  await assert.rejects(shares.run('a', () => Promise.reject(new Error('broken'))))
  assert.equal(await shares.run('a', async () => 'done'), 'done')
})
