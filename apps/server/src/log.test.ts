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

test('writes values that JSON cannot represent', () => {
  const cyclic: { name: string; self?: object } = { name: 'ring' }
  cyclic.self = cyclic
  const silent = new Error('silent')
  Object.defineProperty(silent, 'message', {
    get() {
      throw new Error('no message')
    },
  })
  const unreadable = { get: 1 }
  Object.defineProperty(unreadable, 'get', {
    enumerable: true,
    get() {
      throw new Error('no value')
    },
  })
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  const values = { cyclic, big: { id: 10n }, number: 11n, silent, unreadable, proxy }
  for (const [name, error] of Object.entries(values)) {
    for (const format of ['json', 'text'] as const) {
      const output = logged(format, false, (log) =>
        log.error('it broke', { session: 's_1', error }),
      )
      assert.match(output, /it broke/, name)
      assert.match(output, /s_1/, name)
      if (format === 'json') assert.equal(typeof JSON.parse(output).error, 'string', name)
    }
  }
  const one = logged('json', false, (log) => log.error('it broke', { error: cyclic }))
  assert.match(JSON.parse(one).error, /name: 'ring', self: \[Circular/)
  const two = logged('json', false, (log) => log.error('it broke', { error: { id: 10n } }))
  assert.equal(JSON.parse(two).error, '{ id: 10n }')
})
