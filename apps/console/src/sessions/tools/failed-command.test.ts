import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failedExitCode } from './failed-command.ts'

const ended = (text: string, given: object = { command: 'ls' }) => ({
  arguments: given as Record<string, never>,
  result: [{ type: 'text' as const, text }],
})

const outcome = (exit_code: number, stdout = '') =>
  JSON.stringify({ exit_code, success: exit_code === 0, stderr: '', stdout })

/** Truncates a result as the server does. */
const truncated = (text: string) =>
  JSON.stringify({ truncated: true, size_bytes: text.length, beginning: text, end: '' })

const printed = '{"exit_code":7}\n'

for (const [name, call, code] of [
  ['failed', ended(outcome(2)), '2'],
  ['was ended by a signal', ended(outcome(-1)), '-1'],
  ['succeeded', ended(outcome(0)), undefined],
  ['printed an exit code', ended(outcome(0, printed)), undefined],
  ['failed with a long output', ended(truncated(outcome(1, printed))), '1'],
  ['succeeded with a long output', ended(truncated(outcome(0, printed))), undefined],
  ['is none', ended(outcome(1), {}), undefined],
] as const) {
  test(`finds the exit code of a command that ${name}`, () => {
    assert.equal(failedExitCode(call), code)
  })
}
