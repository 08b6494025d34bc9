import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { bundle } from './site.ts'

const root = path.join(import.meta.dirname, '../..')
const bytesMax = 20_000

/** The first page of the documentation of the hook. */
const documented = /```tsx\n(.*?)```/s.exec(
  readFileSync(path.join(root, 'docs/react.md'), 'utf8'),
)![1]!

const pages = {
  'the whole hook package with its client': `export * from '@outlast/react'
export { clientTool, isOutlastError, tokenFrom } from '@outlast/sdk'`,
  'the documented page': documented,
}

for (const [name, source] of Object.entries(pages)) {
  test(`${name} has at most ${bytesMax} bytes without React`, async (t) => {
    mkdirSync(path.join(root, 'dist'), { recursive: true })
    const folder = mkdtempSync(path.join(root, 'dist/react-size-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const entry = path.join(folder, 'page.tsx')
    writeFileSync(entry, source)
    const code = await bundle(entry, root, { isSmall: true })
    const bytes = gzipSync(code, { level: 9 }).length
    t.diagnostic(`${bytes} bytes`)
    assert.doesNotMatch(code, /useSyncExternalStore ?=|react\.element/)
    assert.ok(bytes > 10_000 && bytes <= bytesMax, `${bytes} bytes`)
  })
}
