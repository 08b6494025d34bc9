/**
 * Drives a server with the published clients of the API, in Python and in Rust: the oldest version
 * in the registry, the last 0.1, the last 0.3, and the newest. Then uses the API of OpenAI with its
 * library for Python, and verifies requests of webhooks with libraries of receivers. `-- python`,
 * `-- rust`, `-- openai` or `-- webhooks` limits it to one.
 * Contract: exits with 1 when a version 0.1 or 0.3 fails, or when Python, cargo or a registry is
 * missing. Failures of other versions are only reported. All installed files are in dist/.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PublishedClient } from '../test/clients/published-client.ts'
import { MissingTool, openAILibrary, pipOf, pythonWith, runTool } from './python.ts'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const cache = path.join(root, 'dist/published-clients')
const tests = path.join(root, 'test/clients')
const name = 'everruns-sdk'
const versionsMax = 200
/** Lines of versions that must work. */
const lines = ['0.1.', '0.3.']

const languages = { python: pythonClients, rust: rustClients, openai: () => [], webhooks: () => [] }
/** Words with a test of their own. */
const ownTests = ['openai', 'webhooks']

/** Libraries that verify webhooks, with the versions that are tested. */
const verifiers = {
  npm: ['standardwebhooks@1.1.1', 'svix@1.99.1', 'openai@6.49.0'],
  python: ['standardwebhooks==1.1.0', 'svix==2.9.1', openAILibrary],
}

try {
  const given = process.argv.slice(2)
  const odd = given.find((word) => !(word in languages))
  if (odd !== undefined)
    throw new MissingTool(
      `Unknown word ${odd}. Use ${Object.keys(languages).join(', ')}, or none for all.`,
    )
  const wanted = Object.entries(languages).filter(
    ([language]) => given.length === 0 || given.includes(language),
  )
  const names = wanted.map(([language]) => language)
  const clients = wanted.flatMap(([, install]) => install())
  const hasClients = names.some((word) => !ownTests.includes(word))
  const failed = hasClients ? test('published', JSON.stringify(clients)) : 0
  const openai = names.includes('openai') ? test('openai', openAIClient()) : 0
  const webhooks = names.includes('webhooks') ? test('webhooks', installed()) : 0
  process.exitCode = failed || openai || webhooks
} catch (error) {
  if (!(error instanceof MissingTool)) throw error
  console.error(error.message)
  process.exitCode = 1
}

/** Runs one test file with what was installed for it, as JSON. */
function test(subject: 'published' | 'openai' | 'webhooks', given: string): number {
  const script = path.join(root, 'scripts/test.ts')
  const file = path.join(tests, `${subject}.test.ts`)
  const { status } = spawnSync(process.execPath, [script, file], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, OUTLAST_TEST_CLIENTS: given },
  })
  return status ?? 1
}

/** Installs OpenAI's library for Python; returns a command that uses it, as JSON. */
function openAIClient(): string {
  const python = pythonWith('openai', openAILibrary)
  return JSON.stringify([python, path.join(tests, 'drive_openai.py')])
}

/** Installs the libraries that verify webhooks; returns commands that use them, as JSON. */
function installed(): string {
  const folder = path.join(cache, 'webhooks')
  mkdirSync(folder, { recursive: true })
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true }')
  runTool('npm', ['install', '--silent', '--prefix', folder, ...verifiers.npm])
  const python = pythonWith('webhooks', ...verifiers.python)
  return JSON.stringify([
    [process.execPath, path.join(tests, 'verify_webhook.mjs'), folder],
    [python, path.join(tests, 'verify_webhook.py')],
  ])
}

/** Contract: `versions` has all versions, newest first. */
function chosen(versions: string[]): string[] {
  const last = lines.flatMap((line) => versions.find((version) => version.startsWith(line)) ?? [])
  return [...new Set([versions.at(-1)!, ...last, versions[0]!])]
}

function isRequired(version: string) {
  return lines.some((line) => version.startsWith(line))
}

/** Versions with calls that earlier ones lack. */
function isNewest(version: string) {
  return !/^0\.[0-2]\./.test(version)
}

function pythonClients(): PublishedClient[] {
  const [major, minor] = runTool('python3', ['--version'])
    .replace('Python ', '')
    .split('.')
    .map(Number)
  if (major! < 3 || (major === 3 && minor! < 11)) {
    throw new MissingTool(
      `The Python clients need Python 3.11 or newer; this is ${major}.${minor}.`,
    )
  }
  const about = runTool(pipOf('any'), ['index', 'versions', name])
  const listed = /^Available versions: (.+)$/m.exec(about)?.[1]
  if (!listed) throw new MissingTool(`pip lists no versions of ${name}: ${about}`)
  return chosen(listed.split(', ')).map((version) => {
    console.log(`Installing the Python client ${version} ...`)
    const command = [pythonWith(version, `${name}==${version}`), path.join(tests, 'drive.py')]
    return { name: `python ${version}`, required: isRequired(version), command }
  })
}

function rustClients(): PublishedClient[] {
  runTool('cargo', ['--version'])
  return chosen(crateVersions()).map((version, index) => {
    console.log(`Building the program of the Rust client ${version} ...`)
    const client = { name: `rust ${version}`, required: isRequired(version) }
    const program = `drive-${version.replaceAll('.', '-')}`
    const feature = index === 0 ? 'first' : isNewest(version) ? 'newest' : undefined
    const folder = crate(program, `=${version}`, feature)
    const target = path.join(cache, 'rust/target')
    const args = ['build', '--quiet', '--target-dir', target]
    const { status, stderr } = spawnSync('cargo', args, { cwd: folder, encoding: 'utf8' })
    if (status === 0) return { ...client, command: [path.join(target, 'debug', program)] }
    return { ...client, problem: `it does not build: ${stderr}` }
  })
}

/** Cargo lists no versions: finds each as the newest below the previous one. */
function crateVersions(): string[] {
  const versions: string[] = []
  while (versions.length < versionsMax) {
    const folder = crate('versions', versions.length === 0 ? '*' : `<${versions.at(-1)}`)
    const lock = path.join(folder, 'Cargo.lock')
    rmSync(lock, { force: true })
    const args = ['generate-lockfile', '--quiet']
    const { status, stderr } = spawnSync('cargo', args, { cwd: folder, encoding: 'utf8' })
    if (status !== 0 && versions.length > 0 && stderr.includes('failed to select a version')) break
    if (status !== 0) throw new MissingTool(`cargo finds no versions of ${name}: ${stderr}`)
    const found = new RegExp(`name = "${name}"\nversion = "(.+)"`).exec(readFileSync(lock, 'utf8'))
    versions.push(found![1]!)
  }
  return versions
}

/** A driving program with one version of the client; returns the folder of its Cargo.toml. */
function crate(program: string, requirement: string, feature?: string): string {
  const folder = path.join(cache, 'rust', program)
  mkdirSync(folder, { recursive: true })
  const manifest = `[package]
name = "${program}"
version = "0.0.0"
edition = "2024"

[[bin]]
name = "${program}"
path = ${JSON.stringify(path.join(tests, 'drive.rs'))}

[features]
default = [${feature === undefined ? '' : `"${feature}"`}]
first = []
newest = []

[dependencies]
${name} = "${requirement}"
futures = "0.3"
serde_json = "1"
tokio = { version = "1", features = ["full"] }

[workspace]
`
  writeFileSync(path.join(folder, 'Cargo.toml'), manifest)
  return folder
}
