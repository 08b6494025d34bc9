import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '../test/process.ts'
import { build } from './build.ts'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

/** Whether a built file differs from its source only in blanks for removed code, and `;`. */
function samePlaces(source: string, built: string) {
  const [before, after] = [source.split('\n'), built.split('\n')]
  return before.length === after.length && before.every((line, at) => sameLine(line, after[at]!))
}

function sameLine(source: string, built: string) {
  const named = /'[^']+'/
  if (/\b(from|import|URL)\b.*'/.test(built)) {
    return source.replace(named, '').search(/'/) === built.replace(named, '').search(/'/)
  }
  return [...built].every((letter, at) => letter === source[at] || letter === ' ' || letter === ';')
}

test('a built file has no types, no tests, and the line numbers of its source', async (t) => {
  const { folder } = await temporaryFolder(t)
  const built = path.join(folder, 'built')
  build(built)
  const files = globSync('**/*.js', { cwd: built }).filter((file) => !file.includes('/dist/'))
  assert.ok(files.length > 200)
  const others = globSync(['**/*.ts', '**/*.test.*', '**/test'], { cwd: built })
  assert.deepEqual(
    others.filter((file) => !file.startsWith('apps/server/templates/')),
    [],
  )
  const moved = files.filter((file) => {
    const source = [file, file.replace(/\.js$/, '.ts')].find((one) =>
      existsSync(path.join(root, one)),
    )
    const [before, after] = [path.join(root, source!), path.join(built, file)]
    return !samePlaces(readFileSync(before, 'utf8'), readFileSync(after, 'utf8'))
  })
  assert.deepEqual(moved, [])
})

test('every file of ours that a built file imports exists', async (t) => {
  const { folder } = await temporaryFolder(t)
  build(folder)
  // The console is a bundle, which imports none, and shows code that does.
  const isOurs = (file: string) => !file.startsWith('apps/console/dist/')
  const files = globSync('**/*.js', { cwd: folder }).filter(isOurs)
  const missing = files.flatMap((file) => {
    const text = readFileSync(path.join(folder, file), 'utf8')
    const names = [
      ...text.matchAll(/(?:from|import|import\(|URL\() ?'(\.[^']*\.\w+|@outlast[^']*)'/g),
    ]
    return names
      .map(([, name]) => name!)
      .filter((name) => !existsSync(path.join(folder, path.dirname(file), name)))
      .map((name) => `${file}: ${name}`)
  })
  assert.deepEqual(missing, [])
})
