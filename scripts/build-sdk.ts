/**
 * Builds `dist/sdk`, the package `@outlast/sdk`: the client in plain JavaScript and its types,
 * without dependencies. Wire types are written from their schemas, types of the client come from
 * the compiler.
 */
import { cpSync, globSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { build } from 'vite'
import { put, read, root, stripped } from './build.ts'
import { contractTypes } from './contract-types.ts'
import { withDeclarations } from './declarations.ts'

const source = 'packages/sdk/src'

/** Writes the package into `folder`, which is replaced. */
export async function buildSdk(folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true })
  const { text } = await contractTypes()
  put(folder, 'contract.d.ts', text)
  // Only the schema's name is left at run time.
  put(folder, 'contract.js', 'export {}\n')
  const sources = { cwd: path.join(root, source), exclude: ['**/*.test.ts'] }
  for (const file of globSync('**/*.ts', sources)) {
    // Line numbers equal those of the source; trailing blanks of removed types are dropped.
    const text = translated(file, stripped(read(`${source}/${file}`))).replace(/ +$/gm, '')
    put(folder, file.replace(/\.ts$/, '.js'), text)
  }
  declare(folder)
  await bundleForPages(folder)
  put(folder, 'package.json', `${JSON.stringify(manifest(), undefined, 2)}\n`)
  cpSync(path.join(root, 'LICENSE'), path.join(folder, 'LICENSE'))
  cpSync(path.join(root, 'packages/sdk/README.md'), path.join(folder, 'README.md'))
}

/** Names of other files as they are in the package. */
function translated(file: string, text: string): string {
  const contract = path.posix.relative(path.posix.dirname(file), 'contract.js')
  return text
    .replace(/(['"])(\.\.?\/[\w/-]+)\.ts\1/g, "'$2.js'")
    .replace(/(['"])@outlast\/contract\1/g, `'${contract.startsWith('.') ? '' : './'}${contract}'`)
}

/** Writes the client as one file for `<script>`, with the global `Outlast`. */
async function bundleForPages(folder: string): Promise<void> {
  const entry = path.join(folder, 'index.js')
  const fileName = () => 'outlast.global.js'
  await build({
    configFile: false,
    logLevel: 'error',
    root: folder,
    build: {
      outDir: folder,
      emptyOutDir: false,
      minify: true,
      lib: { entry, name: 'Outlast', formats: ['iife'], fileName },
    },
  })
}

/** Writes the types of the client, against the wire types. */
function declare(folder: string): void {
  const rootDir = path.join(root, source)
  const paths = { '@outlast/contract': [path.join(folder, 'contract.d.ts')] }
  withDeclarations(
    { files: ['index.ts', 'server.ts'].map((file) => path.join(rootDir, file)), rootDir, paths },
    (declarations) => {
      for (const file of globSync('**/*.d.ts', { cwd: declarations })) {
        put(folder, file, translated(file, readFileSync(path.join(declarations, file), 'utf8')))
      }
    },
  )
}

function manifest() {
  const { version, license, repository } = JSON.parse(read('package.json')) as {
    version: string
    license: string
    repository?: unknown
  }
  return {
    name: '@outlast/sdk',
    version,
    description: 'The client of Outlast, durable sessions for AI agents.',
    license,
    ...(repository !== undefined && { repository }),
    type: 'module',
    sideEffects: false,
    engines: { node: '>=20' },
    exports: {
      '.': { types: './index.d.ts', default: './index.js' },
      './server': { types: './server.d.ts', default: './server.js' },
      './outlast.global.js': './outlast.global.js',
      './package.json': './package.json',
    },
    types: './index.d.ts',
    files: ['**/*.js', '**/*.d.ts'],
  }
}

if (import.meta.main) await buildSdk(path.join(root, 'dist/sdk'))
