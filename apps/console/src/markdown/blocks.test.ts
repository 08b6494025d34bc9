import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Tokens } from 'marked'
import { blocksOf, noBlocks } from './blocks.ts'

const text = `# A title

Some words, **strong** and \`code\`.
And a second line.

- one
- two

  with a paragraph

  - three

1. first

2. second

> A quote
> of two lines

\`\`\`ts
const a = 1

const b = 2
\`\`\`

| a | b |
|---|---|
| 1 | 2 |
| 3 | 4 |

Under a line
---

    indented

    code

<div>

html

</div>

The *end*.
`.repeat(3)

test('incremental parsing yields the blocks of the whole text', () => {
  const shape = (blocks: readonly { type: string; raw: string }[]) =>
    blocks.map(({ type, raw }) => ({ type, raw }))
  for (const step of [1, 7, 40]) {
    let grown = noBlocks
    for (let length = 1; length <= text.length; length += step) {
      const part = text.slice(0, length)
      grown = blocksOf(part, grown)
      assert.deepEqual(shape(grown.blocks), shape(blocksOf(part, noBlocks).blocks), part.slice(-60))
    }
  }
})

test('keeps most block objects when a text grows', () => {
  const before = blocksOf(text, noBlocks)
  const after = blocksOf(`${text}More.`, before)
  const same = after.blocks.filter((block, at) => block === before.blocks[at])
  assert.ok(same.length > before.blocks.length - 10)
})

const depthOf = (tokens: readonly unknown[]): number =>
  Math.max(
    0,
    ...(tokens as { tokens?: []; items?: [] }[]).map(
      ({ tokens, items }) => 1 + depthOf(tokens ?? items ?? []),
    ),
  )

for (const mark of ['> ', '1. ', '> - ']) {
  test(`nests ${mark.trim()} to a limited depth and keeps the text`, () => {
    const text = `${mark.repeat(5_000)}deep\n\nAfter`
    const { blocks } = blocksOf(text, noBlocks)
    assert.ok(depthOf(blocks) < 200)
    assert.equal(blocks.map(({ raw }) => raw).join(''), text)
    assert.match(JSON.stringify(blocks), /deep/)
  })
}

test('leaves a paragraph with thousands of emphasis marks plain', () => {
  const text = '_a'.repeat(5_000)
  const { blocks } = blocksOf(`${text}\n\nThis is *strong*.`, noBlocks)
  assert.deepEqual((blocks[0] as Tokens.Paragraph).tokens, [{ type: 'plain', raw: text, text }])
  assert.equal((blocks.at(-1) as Tokens.Paragraph).tokens[1]?.type, 'em')
})

const n = 1_000
/** Texts for which the lexer takes a time that grows with the square of their length. */
const slow = {
  'a long name of an e-mail address': `${'a'.repeat(n)}@`,
  'dots before an @': `${'a.'.repeat(n)}@`,
  'an e-mail address in brackets': `<${'a'.repeat(n)}@`,
  'exclamation marks': '!'.repeat(n),
  'links without an end': `x) ${'[a]('.repeat(n)}`,
  'images without an end': `x) ${'![a]('.repeat(n)}`,
  'comments without an end': `x ${'<!--'.repeat(n)}`,
  'declarations without an end': `x ${'<!A '.repeat(n)}`,
  'instructions without an end': `x ${'<?'.repeat(n)}`,
  'sections without an end': `x ${'<![CDATA['.repeat(n)}`,
  'an item with thousands of lines': `- a\n${'  b\n'.repeat(2 * n)}`,
  'an item with thousands of lines that are not indented': `- a\n${'b\n'.repeat(2 * n)}`,
  'an item with thousands of lines that are no items': `- a\n${'-b\n'.repeat(2 * n)}`,
  'an item with thousands of paragraphs': `- a\n${'\n\tb\n'.repeat(n)}`,
  'an item with thousands of items in it': `- a\n${'  - b\n'.repeat(2 * n)}`,
  'a quote that thousands of code blocks interrupt': '> ```\na\n'.repeat(n),
  'a quote with thousands of lines': '> a\nb\n'.repeat(n),
  'thousands of lists without a blank line': '- # a\nb\n'.repeat(2 * n),
}

for (const [name, text] of Object.entries(slow)) {
  test(`leaves ${name} plain`, () => {
    const { blocks } = blocksOf(text, noBlocks)
    assert.equal(blocks.map(({ raw }) => raw).join(''), text)
    const [first] = blocks as [Tokens.Generic]
    const plain = first.type === 'plain' ? first : first.tokens?.[0]
    assert.equal(plain?.type, 'plain')
    assert.equal(plain.raw.trim(), text.trim())
  })
}

for (const end of ['?.', ')', '&amp;']) {
  test(`a web address that ends with thousands of ${end} is no link`, () => {
    const long = `http://a${end.repeat(2 * n)}x`
    const { blocks } = blocksOf(`*a* ${long} http://example.com`, noBlocks)
    const { tokens } = blocks[0] as Tokens.Paragraph
    const links = tokens.filter(({ type }) => type === 'link')
    assert.deepEqual(
      links.map(({ raw }) => raw),
      ['http://example.com'],
    )
  })
}

test('a long list, and long code in an item or a quote, are no plain text', () => {
  const list = '- a\n'.repeat(3_000)
  const code = `- \`\`\`\n${'  b\n'.repeat(1_500)}  \`\`\`\n`
  const { blocks } = blocksOf(`${list}\nText\n\n${code}\n> ${'c\n'.repeat(1_000)}`, noBlocks)
  const kinds = blocks.map(({ type }) => type).filter((type) => type !== 'space')
  assert.deepEqual(kinds, ['list', 'paragraph', 'list', 'blockquote'])
})

const code = {
  'a diff': `--- a/x\n+++ b/x\n${'- a\n+ b\n'.repeat(n)}`,
  'a log': `> npm test\n${'ok\n'.repeat(2 * n)}`,
  Javadoc: `/**\n * A class.\n${'line\n'.repeat(2 * n)}`,
  'an array': `[\n${'  -1.5,\n'.repeat(2 * n)}]\n`,
}

for (const [name, content] of Object.entries(code)) {
  for (const before of ['', 'Text\n\n', '- An item:\n']) {
    test(`${name} of thousands of lines after ${JSON.stringify(before)} is code`, () => {
      const { blocks } = blocksOf(`${before}\`\`\`\n${content}\`\`\`\n`, noBlocks)
      const found = blocks.find(({ type }) => type === 'code') as Tokens.Code | undefined
      assert.equal(found?.text, content.trimEnd())
    })
  }
}
