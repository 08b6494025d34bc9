import assert from 'node:assert/strict'
import { test } from 'node:test'
import { find, read } from './sources.ts'

const tokens = 'apps/console/src/design/tokens.css'
const sources = find('apps/console/src/**/*.{css,ts,tsx}').filter(
  (file) => ![tokens, 'apps/console/src/theme.ts'].includes(file) && !/\.test\.ts$/.test(file),
)

const colors =
  'aqua|black|blue|cyan|fuchsia|gray|green|grey|indigo|lime|maroon|navy|olive|orange|pink|purple|red|silver|teal|violet|white|yellow'

/** What styles and components may not contain, with the reason. */
const refused: { what: string; files: RegExp; pattern: RegExp }[] = [
  {
    what: 'a color is a token',
    files: /\.(?:css|tsx?)$/,
    pattern: /#(?:[\da-f]{6}|[\da-f]{8}|[\da-f]{3,4})\b(?!['"]?\))|\b(?:rgba?|hsla?|oklch)\(/gi,
  },
  {
    what: 'a color is a token',
    files: /\.css$/,
    pattern: new RegExp(`[:\\s](?:${colors})(?=[;\\s]).*;`, 'g'),
  },
  {
    what: 'a color of the library has no token',
    files: /\.(?:css|tsx?)$/,
    pattern: /var\(--mantine-color-[a-z]+-\d\)/g,
  },
  {
    what: 'the library has only the colors of the theme',
    files: /\.tsx$/,
    pattern:
      /\b(?:c|bg|color)="(?!dimmed|pine|gray|red|yellow|var\(--outlast-|var\(--mantine-color-error\))[^"]*"/g,
  },
  {
    what: 'a text size is a token, or relative to the text around it',
    files: /\.css$/,
    pattern: /font-size:(?! (?:var\(--outlast-text(?:-\w+)?\)|inherit|[\d.]+em);).*/g,
  },
  {
    what: 'a text size is a token',
    files: /\.css$/,
    pattern: /\bfont:(?! inherit;).*/g,
  },
  { what: 'a text size is a token', files: /\.tsx$/, pattern: /\b(?:fontSize|fz)\b/g },
  { what: 'a font is a token', files: /\.css$/, pattern: /font-family:(?! var\(--).*/g },
]

test('colors, text sizes and fonts of the console come from its design tokens', () => {
  const found = sources.flatMap((file) => {
    const lines = read(file).split('\n')
    return refused
      .filter(({ files }) => files.test(file))
      .flatMap(({ what, pattern }) =>
        lines.flatMap((line, at) =>
          [...line.matchAll(pattern)].map(([text]) => `${file}:${at + 1} ${text.trim()}: ${what}`),
        ),
      )
  })
  assert.deepEqual(found, [])
})

test('every design token of the console is used, and every used property exists', () => {
  const text = [...sources, tokens, 'apps/console/src/theme.ts'].map(read).join('\n')
  const declared = new Set([...text.matchAll(/(?<!var\()(--[a-z][\w-]*)['"]?:/g)].map((m) => m[1]!))
  const used = new Set([...text.matchAll(/var\((--(?!mantine-)[\w-]+)/g)].map((m) => m[1]!))
  const unused = [...declared].filter((name) => name.startsWith('--outlast-') && !used.has(name))
  assert.deepEqual(unused.sort(), [])
  assert.deepEqual([...used].filter((name) => !declared.has(name)).sort(), [])
})
