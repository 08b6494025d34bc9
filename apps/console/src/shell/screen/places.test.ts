import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isAt, places } from './places.ts'

for (const [path, place] of [
  ['/', '/'],
  ['/sessions/session_1', '/'],
  ['/agents', '/agents'],
  ['/agents/new', '/agents'],
  ['/agentsmith', undefined],
  ['/settings/nowhere', '/settings'],
] as const) {
  test(`${path} belongs to ${place ?? 'no menu entry'}`, () => {
    assert.equal(places.find(({ to }) => isAt(path, to))?.to, place)
  })
}
