import assert from 'node:assert/strict'
import { test } from 'node:test'
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
