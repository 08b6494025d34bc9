import { after, before } from 'node:test'

export type Hook = { after: (work: () => unknown) => void }

/** Prepares state that all tests of a file share; `t.after` runs after the last test, in order. */
export function beforeAll(prepare: (t: Hook) => unknown): void {
  const works: (() => unknown)[] = []
  before(() => prepare({ after: (work) => works.push(work) }))
  after(async () => {
    for (const work of works) await work()
  })
}
