import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import fc from 'fast-check'
import { widthOf } from '../width.ts'
import { createMarkdown } from './markdown.ts'

type How = { columns: number; hasLinks?: boolean }

function rendered(portions: readonly string[], how: How): string {
  const { write, end } = createMarkdown(how)
  return portions.map(write).join('') + end()
}

const seen = (text: string | readonly string[], how: How) =>
  stripVTControlCharacters(rendered(typeof text === 'string' ? [text] : text, how))

const shows = (text: string, expected: string[], columns = 40) =>
  assert.deepEqual(seen(text, { columns }).split('\n'), [...expected, ''])

const words = fc.constantFrom(
  ...[
    'one',
    'two',
    ' ',
    ' ',
    '\n',
    '\n\n',
    '世界',
    '👩‍👩‍👧',
    'é',
    '*',
    '**',
    '***',
    '_',
    '~~',
    '`',
    '``',
  ],
  ...['# ', '- ', '1. ', '> ', '---\n', '```\n', '```ts\n', '|a|b|\n', '|-|-|\n', '\t', '\\*', '!'],
  ...[
    '[x](https://a.b/c)',
    '[',
    '](',
    ')',
    '<https://x.y>',
    '<',
    '|',
    '\r\n',
    '\x1b[31m',
    '\u009b',
  ],
  'a-very-long-word-that-is-wider-than-any-line-of-a-small-terminal',
)
const source = fc.array(words, { maxLength: 40 }).map((parts) => parts.join(''))

/** The text in portions that begin at these places. */
function cut(text: string, places: readonly number[]): string[] {
  const ends = [...new Set(places.map((place) => place % (text.length + 1)))].sort((a, b) => a - b)
  return [...ends, text.length].map((end, at) => text.slice(at === 0 ? 0 : ends[at - 1], end))
}

test('renders the same for every split of a stream', () => {
  fc.assert(
    fc.property(
      source,
      fc.array(fc.nat(400)),
      fc.constantFrom(8, 19, 79),
      (text, places, columns) => {
        assert.equal(seen(cut(text, places), { columns }), seen(text, { columns }))
        assert.equal(seen([...text], { columns }), seen(text, { columns }))
      },
    ),
    { numRuns: 300 },
  )
})

test('prints every letter of the text in order', () => {
  const letters = (text: string) => text.match(/[\p{L}\p{N}]/gu)?.join('')
  const source = fc.array(
    words.filter((word) => !word.startsWith('\x1b')),
    { maxLength: 40 },
  )
  fc.assert(
    fc.property(source, (parts) => {
      const text = parts.join('')
      assert.equal(letters(seen(text, { columns: Infinity })), letters(text))
    }),
    { numRuns: 300 },
  )
})

test('prints no line wider than the terminal, except code', () => {
  fc.assert(
    fc.property(source, fc.constantFrom(12, 19, 79), (text, columns) => {
      // Three or more tildes begin code, also those that meet when other marks are removed.
      const withoutCode = text.replaceAll(/`+|\||>/g, '').replaceAll(/~{3,}/g, '')
      for (const line of seen(withoutCode, { columns }).split('\n')) {
        assert.ok(widthOf(line) <= columns, `${widthOf(line)}: ${line}`)
      }
    }),
    { numRuns: 200 },
  )
})

test('cuts a long name of the language of code', () => {
  const name = 'a-very-long-word-that-is-wider-than-any-line'
  const [head] = seen(`~~~${name}\ncode\n~~~\n`, { columns: 12 }).split('\n')
  assert.equal(head, '── a-ver… ──')
})

test('prints a word when it is complete, and marked text at its closing mark', () => {
  const { write } = createMarkdown({ columns: 40 })
  const given = ['The an', 'swer is **4', '2** or', ' `4', '3`', ' maybe', '.\n'].map((text) =>
    stripVTControlCharacters(write(text)),
  )
  assert.deepEqual(given, ['The', ' answer is', ' 42', ' or', '', ' 43', ' maybe.\n'])
})

test('renders headings, emphasis, code, lists, quotes and rules', () => {
  shows('# A *b*\n__c__ `d*e*` ~~f~~ \\*g\\*\n***', ['A b', 'c d*e* f *g*', '─'.repeat(40)])
  shows('- one\n  - two\n10. ten', ['• one', '  • two', '10. ten'])
  shows('> said\n>> more\n\nend', ['│ said', '│ │ more', '', 'end'])
  assert.equal(
    rendered(['# A\n**b** *c* `d`'], { columns: 40 }),
    '\x1b[1;4mA\x1b[0m\n\x1b[1mb\x1b[0m \x1b[3mc\x1b[0m \x1b[36md\x1b[0m\n',
  )
})

test('prints characters that are not marks unchanged', () => {
  for (const text of ['2*3*4', 'a_b_c', '**open', 'x * y * z', '[x] y', 'a < b', '#tag', '`open']) {
    shows(text, [text])
  }
})

test('wraps long lines at words, with aligned continuation lines', () => {
  shows('1. The quick brown fox jumps', ['1. The quick', '   brown fox', '   jumps'], 14)
  shows('> The quick brown fox', ['│ The quick', '│ brown fox'], 12)
  shows('日本語のとても長い文', ['日本語のと', 'ても長い文'], 10)
})

test('prints code unchanged in a frame', () => {
  const rule = '─'.repeat(40)
  const head = `── js ${'─'.repeat(34)}`
  shows('```js\nconst a = **1**\n  b\n```\nend', [head, 'const a = **1**', '  b', rule, 'end'])
  shows('```js\nnever closed', [head, 'never closed', rule])
})

test('prints a table in columns, or a line for each cell if it is too wide', () => {
  const table = '| Name | Price |\n|:--|--:|\n| 苹果 | 3 |\n| **Pear** | 12.50 |\n\nend'
  shows(table, ['Name │ Price', '─────┼──────', '苹果 │     3', 'Pear │ 12.50', '', 'end'])
  const stacked = ['Name: 苹果', 'Price: 3', '', 'Name: Pear', 'Price:', '12.50', '', '', 'end']
  shows(table, stacked, 11)
  shows('| no table\nat all', ['| no table', 'at all'])
  const rows = Array.from({ length: 130_000 }, () => '|a|')
  const printed = seen(['|b|', '|-|', ...rows, ''].join('\n'), { columns: 40 }).split('\n')
  assert.equal(printed.filter((line) => line === 'a').length, rows.length)
})

test('prints links as links if the terminal supports them, else with their URL', () => {
  const text = '[docs](https://a.b/c_(d) "title") <https://x.y> [bad](javascript:alert(1))'
  const columns = 80
  assert.match(
    seen(text, { columns }),
    /^docs \(https:\/\/a\.b\/c_\(d\)\) https:\/\/x\.y bad \(java/,
  )
  const raw = rendered([text], { columns, hasLinks: true })
  assert.ok(raw.includes('\x1b]8;;https://a.b/c_(d)\x1b\\\x1b[4mdocs\x1b[0m\x1b]8;;\x1b\\'), raw)
  assert.ok(!raw.includes(']8;;javascript'))
})

test('removes escape sequences from the text', () => {
  const text = 'a\x1b[2Jb\x1b]0;title\x07c\u009b1md\r\x00'
  assert.equal(rendered([...text], { columns: 40 }), 'a[2Jb]0;titlec1md\n')
})
