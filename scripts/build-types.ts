/**
 * Builds `dist/types`, the types of the entries of the package. Only the declarations that the
 * entries reach are kept. They import types of `dist/sdk`, typebox, fastify and Node.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { put, root } from './build.ts'
import { withDeclarations } from './declarations.ts'

const source = 'apps/server/src'
const entries = ['authoring/index', 'server', 'testing/index']

/** Workspace packages, as paths from the root of the types. */
const packages: Record<string, string> = {
  '@outlast/contract': '../sdk/contract.js',
  '@outlast/sdk': '../sdk/index.js',
}
/** Packages whose types users get, because the package depends on them. */
const external = /^(typebox|fastify|node:[\w/]+)$/
/** Compilers do not include types of Node unless they are named. */
const nodeTypes = '/// <reference types="node" />\n'
const imports = /(\bfrom |\bimport\()(['"])([^'"]+)\2/g

/** Writes the types into `folder`, which is replaced. Contract: `dist/sdk` is built. */
export function buildTypes(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  const files = entries.map((entry) => path.join(root, source, `${entry}.ts`))
  withDeclarations({ files, rootDir: root }, (declarations) => {
    const seen = new Set<string>()
    for (const entry of entries)
      copy(path.join(declarations, source), `${entry}.d.ts`, folder, seen)
  })
}

/** Copies a declaration file and those that it imports. */
function copy(from: string, file: string, folder: string, seen: Set<string>): void {
  if (seen.has(file)) return
  seen.add(file)
  const place = path.posix.dirname(file)
  const text = readFileSync(path.join(from, file), 'utf8')
  const translated = text.replace(imports, (_all, start, _quote, name: string) => {
    if (name.startsWith('.')) {
      const imported = path.posix.join(place, name.replace(/\.ts$/, '.d.ts'))
      if (!existsSync(path.join(from, imported))) throw new Error(`${file} imports ${name}.`)
      copy(from, imported, folder, seen)
      return `${start}'${name.replace(/\.ts$/, '.js')}'`
    }
    const own = packages[name]
    if (!own && !external.test(name)) throw new Error(`The types of ${file} need ${name}.`)
    return `${start}'${own ? path.posix.join(path.posix.relative(place, '.'), own) : name}'`
  })
  const isEntry = entries.some((entry) => file === `${entry}.d.ts`)
  put(folder, file, isEntry ? `${nodeTypes}${translated}` : translated)
}

if (import.meta.main) buildTypes(path.join(root, 'dist/types'))
