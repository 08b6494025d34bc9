import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prose, refusedWords, wordCount } from './prose.ts'
import { read } from './sources.ts'

/** Refused words per 1,000 words, by the longest folder that fits. A ceiling only goes down. */
const ceilings = JSON.parse(read('test/checks/prose.json')) as Record<string, number>

const folders = Object.keys(ceilings).sort((one, other) => other.length - one.length)
const folderOf = (file: string) =>
  folders.find((folder) => folder === '' || file.startsWith(`${folder}/`)) ?? ''

test('each folder is below its ceiling of refused words', () => {
  for (const [folder, pieces] of Map.groupBy(prose(), ({ file }) => folderOf(file))) {
    const words = pieces.reduce((sum, { text }) => sum + wordCount(text), 0)
    const found = pieces.flatMap(({ file, line, text }) =>
      refusedWords(text).map((word) => `${file}:${line} ${word}`),
    )
    const rate = (found.length / words) * 1_000
    const ceiling = ceilings[folder]!
    const message = `${folder || '/'}: ${rate.toFixed(1)} per 1,000 words, ceiling ${ceiling}`
    assert.ok(rate <= ceiling, `${message}\n${found.join('\n')}`)
  }
})
