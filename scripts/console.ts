/**
 * Builds the pages that the server serves: the console, `apps/console/dist`, unless it is newer
 * than its sources, and the files of the API reference. Files that browsers load are compressed.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { makeReference } from './reference.ts'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const app = path.join(root, 'apps/console')
const stamp = path.join(app, 'dist/.made')

const sources = [
  'apps/console/{src,public}/**/*',
  'apps/console/*.{html,json,ts}',
  'packages/{sdk,contract}/{package.json,src/**/*.ts}',
  'package{,-lock}.json',
  'scripts/console.ts',
]

function isFresh(): boolean {
  if (!existsSync(stamp)) return false
  const made = statSync(stamp).mtimeMs
  return globSync(sources, { cwd: root, exclude: ['**/*.test.ts'] }).every(
    (file) => statSync(path.join(root, file)).mtimeMs <= made,
  )
}

function make(): void {
  const vite = path.join(root, 'node_modules/vite/bin/vite.js')
  const { status, stdout, stderr } = spawnSync(process.execPath, [vite, 'build', app], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`The console was not built:\n${stdout}${stderr}`)
  for (const file of globSync('dist/**/*.{html,js,css,svg}', { cwd: app })) {
    compress(path.join(app, file))
  }
  writeFileSync(stamp, '')
}

function compress(file: string): void {
  const content = readFileSync(file)
  const params = { [constants.BROTLI_PARAM_QUALITY]: 9 }
  writeFileSync(`${file}.br`, brotliCompressSync(content, { params }))
  writeFileSync(`${file}.gz`, gzipSync(content, { level: 9 }))
}

if (!isFresh()) make()
await makeReference()
