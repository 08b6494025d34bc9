/** The capability of docs/writing-a-capability.md works: its test runs here. */
import { pathToFileURL } from 'node:url'
import { blocksOf, writeBlocks } from '../../../../test/checks/code-in-docs.ts'

const written = writeBlocks('writing-a-capability', blocksOf('docs/writing-a-capability.md'))
for (const file of written.filter((file) => file.endsWith('.test.ts'))) {
  await import(pathToFileURL(file).href)
}
