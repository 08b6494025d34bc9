/**
 * Builds the packages for front ends, such as `dist/react`: plain JavaScript and types. They depend
 * on `@outlast/sdk`, which is `dist/sdk`. Folds of the contract become files of the package.
 */
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { put, read, root } from './build.ts'
import { compileInto } from './declarations.ts'

/** In the order of their dependencies. */
export const packages = ['react', 'assistant-ui', 'ai-sdk'].filter((name) =>
  existsSync(path.join(root, 'packages', name)),
)

type Manifest = {
  name: string
  description: string
  exports: string | Record<string, string>
  dependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
  peerDependenciesMeta?: Record<string, unknown>
}

/**
 * Writes a package into `<folder>/<name>`, which is replaced.
 * Contract: `<folder>/sdk` is built.
 */
export function buildPackage(name: string, folder: string): void {
  const target = path.join(folder, name)
  rmSync(target, { recursive: true, force: true })
  const sources = path.join(root, 'dist', `${name}-sources`)
  rmSync(sources, { recursive: true, force: true })
  try {
    stage(path.join(root, 'packages', name, 'src'), sources)
    compileInto(target, { sources, paths: pathsOf(folder) })
    // The compiler keeps the names of sources in declarations.
    for (const file of globSync('**/*.d.ts', { cwd: target })) {
      const text = readFileSync(path.join(target, file), 'utf8')
      put(target, file, text.replace(/(['"])(\.{1,2}\/[\w./-]+)\.tsx?\1/g, "'$2.js'"))
    }
  } finally {
    rmSync(sources, { recursive: true, force: true })
  }
  const manifest = JSON.parse(read(`packages/${name}/package.json`)) as Manifest
  put(target, 'package.json', `${JSON.stringify(published(manifest), undefined, 2)}\n`)
  cpSync(path.join(root, 'LICENSE'), path.join(target, 'LICENSE'))
  cpSync(path.join(root, 'packages', name, 'README.md'), path.join(target, 'README.md'))
}

/** Copies the sources without tests, and the folds that they import. */
function stage(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  const add = (file: string, text: string) => {
    const depth = path.posix.dirname(file) === '.' ? '.' : '..'
    put(to, file, translated(text, depth))
    for (const fold of foldsIn(file, text)) {
      const source = path.join(root, `packages/contract/src/folds/${fold}.ts`)
      if (!existsSync(path.join(to, `folds/${fold}.ts`))) {
        add(`folds/${fold}.ts`, readFileSync(source, 'utf8'))
      }
    }
  }
  for (const file of globSync('**/*.{ts,tsx}', { cwd: from, exclude: ['**/*.test.ts'] })) {
    add(file.split(path.sep).join('/'), readFileSync(path.join(from, file), 'utf8'))
  }
}

/** The folds that a file imports. Files of a fold import each other by their relative names. */
function foldsIn(file: string, text: string): string[] {
  const inside = file.startsWith('folds/') ? [...text.matchAll(/'\.\/([\w-]+)\.ts'/g)] : []
  return [...text.matchAll(foldImport), ...inside].map(([, fold]) => fold!)
}

const foldImport = /'@outlast\/contract\/folds\/([\w-]+)'/g

/** The SDK has the types of the contract. */
const translated = (text: string, depth: string) =>
  text
    .replace(foldImport, `'${depth}/folds/$1.ts'`)
    .replace(/'(@outlast\/contract|\.\.\/(core|events|messages)\/[\w-]+\.ts)'/g, "'@outlast/sdk'")

const pathsOf = (folder: string) =>
  Object.fromEntries(
    ['sdk', 'sdk/server', ...packages].map((name) => {
      const file = name === 'sdk/server' ? 'sdk/server.d.ts' : `${name}/index.d.ts`
      return [`@outlast/${name}`, [path.join(folder, file)]]
    }),
  )

function published({ exports: entries, dependencies = {}, ...manifest }: Manifest) {
  const { version, license, repository } = JSON.parse(read('package.json')) as {
    version: string
    license: string
    repository?: unknown
  }
  const { '@outlast/contract': _, ...needed } = dependencies
  const named = typeof entries === 'string' ? { '.': entries } : entries
  const fileOf = (source: string) => source.replace('./src/', './').replace(/\.tsx?$/, '')
  const built = Object.entries(named).map(([entry, source]) => [
    entry,
    { types: `${fileOf(source)}.d.ts`, default: `${fileOf(source)}.js` },
  ])
  const { name, description, peerDependencies, peerDependenciesMeta } = manifest
  return {
    name,
    version,
    description,
    license,
    ...(repository !== undefined && { repository }),
    type: 'module',
    sideEffects: false,
    exports: { ...Object.fromEntries(built), './package.json': './package.json' },
    types: './index.d.ts',
    files: ['**/*.js', '**/*.d.ts'],
    dependencies: needed,
    peerDependencies,
    ...(peerDependenciesMeta && { peerDependenciesMeta }),
  }
}

if (import.meta.main) {
  for (const name of packages) buildPackage(name, path.join(root, 'dist'))
}
