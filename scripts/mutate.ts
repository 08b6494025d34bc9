/**
 * Mutates the core, one condition at a time in a copy of the repository, and runs the tests that
 * must fail. With arguments: only the mutants whose name contains one of them.
 * Contract: exits with 1 when a mutant survives, the tests fail without a mutation, or the list
 * does not match the code.
 */
import { spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Mutant, mutants } from './mutate/mutants.ts'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
/** A mutant that makes a test hang counts as detected. */
const testTimeoutMs = 60_000
const runTimeoutMs = 240_000

const wanted = process.argv.slice(2)
const chosen = mutants.filter(
  ({ name }) => wanted.length === 0 || wanted.some((text) => name.includes(text)),
)
const copy = mkdtempSync(path.join(tmpdir(), 'outlast-mutants-'))
process.on('exit', () => rmSync(copy, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

copyRepository()
const misfits = chosen.filter((mutant) => source(mutant).split(mutant.from).length !== 2)
for (const { name, file } of misfits)
  console.error(`✖ ${name}: the text to replace must occur exactly once in ${file}`)
if (misfits.length > 0 || chosen.length === 0) process.exit(1)

const files = [...new Set(chosen.flatMap(({ tests }) => tests))]
const unchanged = await runTests({ tests: files })
if (unchanged.fate !== 'passed') {
  console.error(`✖ without a mutation: ${unchanged.fate}\n${unchanged.output}`)
  process.exit(1)
}
console.log(`✔ ${files.length} files pass without a mutation, ${unchanged.seconds} s`)
for (const mutant of chosen) {
  const { fate, seconds, failed } = await runMutant(mutant)
  const killed = fate === 'failed' || fate === 'hangs'
  if (!killed) process.exitCode = 1
  const how = killed ? `killed: ${failed[0] ?? fate}` : 'SURVIVED'
  console.log(`${killed ? '✔' : '✖'} ${mutant.name}, ${seconds} s, ${how}`)
}

/** Tracked and new files, in their current state on disk. */
function copyRepository() {
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const { stdout } = spawnSync('git', list, { cwd: root, encoding: 'utf8' })
  for (const file of stdout.split('\0').filter(Boolean)) {
    const from = path.join(root, file)
    if (existsSync(from)) cpSync(from, path.join(copy, file))
  }
  symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'))
}

function fileOf({ file }: Mutant) {
  return path.join(copy, 'apps/server/src', file)
}

function source(mutant: Mutant) {
  return readFileSync(fileOf(mutant), 'utf8')
}

async function runMutant(mutant: Mutant) {
  const before = source(mutant)
  writeFileSync(
    fileOf(mutant),
    before.replace(mutant.from, () => mutant.to),
  )
  const result = await runTests(mutant)
  writeFileSync(fileOf(mutant), before)
  return result
}

/** `broken`: the run failed without a failed test. */
type Fate = 'passed' | 'failed' | 'hangs' | 'broken'

async function runTests({ tests, pattern }: Pick<Mutant, 'tests' | 'pattern'>) {
  const begun = performance.now()
  const options = [`--test-timeout=${testTimeoutMs}`]
  if (pattern) options.push(`--test-name-pattern=${pattern}`)
  const child = spawn(process.execPath, ['scripts/test.ts', ...options, ...tests], { cwd: copy })
  let output = ''
  child.stdout.on('data', (data) => {
    output += data
  })
  child.stderr.resume()
  let isLate = false
  const limit = setTimeout(() => {
    isLate = true
    child.kill('SIGTERM')
  }, runTimeoutMs)
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  clearTimeout(limit)
  const failed = [...output.matchAll(/^\s*✖ (.+) \([\d.]+ms\)/gm)].map(([, name]) => name!)
  const fate: Fate =
    code === 0 ? 'passed' : isLate ? 'hangs' : failed.length > 0 ? 'failed' : 'broken'
  return { fate, output, failed, seconds: Math.round((performance.now() - begun) / 1_000) }
}
