import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prose, refusedWords, wordCount } from './prose.ts'

/** Refused words per 1,000 words of a folder. */
const rateMax = 2

/** The place of a file: a layer of the server, else two levels of folders. */
function folderOf(file: string): string {
  const parts = file.split('/').slice(0, -1)
  return parts.slice(0, file.startsWith('apps/server/src/') ? 4 : 2).join('/')
}

test(`a folder has at most ${rateMax} refused words per 1,000 words`, () => {
  for (const [folder, pieces] of Map.groupBy(prose(), ({ file }) => folderOf(file))) {
    const words = pieces.reduce((sum, { text }) => sum + wordCount(text), 0)
    const found = pieces.flatMap(({ file, line, text }) =>
      refusedWords(text).map((word) => `${file}:${line} ${word}`),
    )
    const rate = (found.length / words) * 1_000
    // One word is too many for a rate only in a folder with hardly any text.
    if (found.length > 1) assert.ok(rate <= rateMax, `${folder}: ${rate}\n${found.join('\n')}`)
  }
})
