import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { redacting } from './redact.ts'

const secrets = fc.string({ unit: 'binary', minLength: 8, maxLength: 40 })
const around = fc.string({ unit: 'grapheme', maxLength: 10 })

test('a secret within any text is removed, and the text stays', () => {
  fc.assert(
    fc.property(secrets, around, around, (secret, before, after) => {
      fc.pre(!before.includes(secret) && !after.includes(secret))
      const { text } = redacting([secret])
      const left = text(`${before} ${secret} ${after}`)
      assert.ok(!left.includes(secret))
      assert.ok(left.includes('[secret]'))
    }),
  )
})

test('base64 of any text around a secret does not show it', () => {
  const tokens = fc.string({ unit: 'grapheme', minLength: 8, maxLength: 40 })
  fc.assert(
    fc.property(tokens, around, around, (secret, before, after) => {
      const { text } = redacting([secret])
      const whole = Buffer.from(before + secret + after)
      for (const encoding of ['base64', 'base64url'] as const) {
        const left = text(whole.toString(encoding))
        assert.match(left, /\[secret\]/)
        for (const lineBreak of [
          '\r\n',
          '\n    ',
          String.raw`\n`,
          String.raw`\r\n\t`,
          '&#13;\n',
          '%0A',
        ]) {
          const lines = whole.toString(encoding).replace(/.{5}/g, `$&${lineBreak}`)
          assert.match(text(lines), /\[secret\]/, JSON.stringify(lines))
        }
      }
    }),
  )
})

test('a text that is cut inside a secret has no part of it, however it is written', () => {
  const { beginning } = redacting(['Secret0123'])
  const page = 'x'.repeat(500)
  for (const write of [
    (unit: string) => unit,
    (unit: string) => `\\u00${unit.charCodeAt(0).toString(16)}`,
    (unit: string) => `&#x0000${unit.charCodeAt(0).toString(16)};`,
  ]) {
    const written = [...'Secret0123'].map(write).join('')
    for (let length = 1; length < written.length; length += 1) {
      assert.match(beginning(page + written.slice(0, length)), /^x+$/)
    }
    for (let after = 0; after < 200; after += 1) {
      const left = beginning(page + written + 'y'.repeat(after))
      assert.match(left, /^x+(\[?s?e?c?r?e?t?\]?)y*$/, `${after} characters after it`)
    }
  }
})

test('names, numbers and deep places of JSON lose a secret; other values stay', () => {
  const { json } = redacting(['12345678', 'password'])
  let deep: unknown = ['password']
  for (let depth = 0; depth < 100_000; depth += 1) deep = [deep]
  let left: unknown = json({ deep }).deep
  while (Array.isArray(left)) left = left[0]
  assert.equal(left, '[secret]')
  const given = JSON.parse(
    '{"my password":{"n":12345678},"__proto__":"password","k":[1,null,true]}',
  )
  assert.equal(
    JSON.stringify(json(given)),
    '{"__proto__":"[secret]","k":[1,null,true],"my [secret]":{"n":"[secret]"}}',
  )
})

test('secrets that repeat themselves, and pages made of escapes, take linear time', () => {
  const long = `${'a'.repeat(8_191)}b`
  const { text } = redacting([long, 'b'.repeat(8_192), '%'.repeat(500)])
  for (const unit of ['a', '%61', '&#000', '\\', '\\u006', '&amp', '&lt;']) {
    const page = unit.repeat(1_000_000 / unit.length)
    assert.equal(text(page).length, page.length)
  }
  assert.equal(text(`aaa${long}`), 'aaa[secret]')
})
