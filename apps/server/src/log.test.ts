import assert from 'node:assert/strict'
import test from 'node:test'
import { createLog } from './log.ts'

type Format = Parameters<typeof createLog>[1]

function logged(
  format: Format,
  isTTY: boolean,
  write: (log: ReturnType<typeof createLog>) => void,
) {
  let output = ''
  const stderr = {
    isTTY,
    write(text: string | Uint8Array) {
      output += text
      return true
    },
  }
  write(createLog('info', format, stderr))
  return output
}

test('writes one readable line for each entry to a terminal', () => {
  const output = logged('auto', true, (log) => {
    log.debug('not written')
    log.info('models synced', { provider: 'provider_1', discovered: 3 })
    log.warn('Redis is unavailable', { error: new Error('no "route"'), hosts: ['a', 'b'] })
  })
  const lines = output.split('\n')
  assert.match(lines[0]!, /^\d\d:\d\d:\d\d INFO {2}models synced provider=provider_1 discovered=3$/)
  assert.match(lines[1]!, /WARN {2}Redis is unavailable error="no \\"route\\"" hosts=\["a","b"\]$/)
  assert.deepEqual(lines.slice(2), [''])
})

test('adds the stack of an error at level error, without control characters', () => {
  const error = new Error('broken \u001b[31mred')
  const output = logged('text', false, (log) => log.error('request failed', { error }))
  assert.match(
    output,
    /^\S+ ERROR request failed error="broken \\u001b\[31mred"\n {2}Error: broken/,
  )
  assert.match(output, /\n {6}at /)
  assert.doesNotMatch(output, /\u001b/)
})

test('writes no control or formatting characters, and indents the lines of a stack', () => {
  const error = new Error('broken\n12:00:00 INFO  admin signed in')
  const output = logged('text', true, (log) => {
    log.error('request failed', { error, url: '/x\u009b31m\u202e\u2028' })
  })
  assert.doesNotMatch(output.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
  const [, ...lines] = output.trimEnd().split('\n')
  assert.ok(lines.length > 1)
  for (const line of lines) assert.match(line, /^ {2}/)
})

test('writes JSON lines where stderr is not a terminal, and where the setting requires it', () => {
  for (const [format, isTTY] of [
    ['auto', false],
    ['json', true],
  ] as const) {
    const output = logged(format, isTTY, (log) => log.warn('slow', { error: new Error('late') }))
    const { time, level, msg, error } = JSON.parse(output)
    assert.deepEqual([level, msg, error.message], ['warn', 'slow', 'late'])
    assert.ok(Date.parse(time))
  }
})
