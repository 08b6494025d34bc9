/** The repository's own source files and their imports, read as text. */
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = path.resolve(fileURLToPath(new URL('../../', import.meta.url)))

export const read = (file: string) => readFileSync(path.join(root, file), 'utf8')

/** Paths from the root, with `/` between their parts. */
export function find(...patterns: string[]): string[] {
  const hidden = new Set(['node_modules', 'dist', 'data', '.git'])
  const found = globSync(patterns, {
    cwd: root,
    exclude: (name) => hidden.has(path.basename(name)),
  })
  return found.map((file) => file.split(path.sep).join('/')).sort()
}

/** Without the templates of projects, which are no part of the product. */
export const sources = () =>
  find('{apps,packages,examples,scripts,test,bench,chaos}/**/*.{ts,tsx,js}').filter(
    (file) => !file.startsWith('apps/server/templates/'),
  )

/** One import of any form. `types`: it is erased at run time. */
export type Import = { from: string; to: string; types: boolean }

const forms = [
  /^import\s+(type\s)?[^'"]*?\sfrom\s+['"]([^'"]+)['"]/gm,
  /^import\s+()['"]([^'"]+)['"]/gm,
  /^export\s+(type\s)?(?:\*[^'"{]*|\{[^}]*\}\s*)from\s+['"]([^'"]+)['"]/gm,
  /\bimport\(\s*()['"]([^'"]+)['"]/g,
  /\bimport\.meta\.resolve\(\s*()['"]([^'"]+)['"]/g,
]

export function importsOf(file: string): Import[] {
  const text = read(file)
  return forms.flatMap((form) =>
    [...text.matchAll(form)].map(([, type, to]) => ({ from: file, to: to!, types: Boolean(type) })),
  )
}

/** The file that a relative import names. */
export const resolved = ({ from, to }: Import) => path.posix.join(path.posix.dirname(from), to)

export const isRelative = ({ to }: Import) => to.startsWith('.')

/** The package of an import; undefined for Node's own modules and relative ones. */
export function packageOf(one: Import): string | undefined {
  if (isRelative(one) || one.to.startsWith('node:')) return undefined
  return one.to
    .split('/')
    .slice(0, one.to.startsWith('@') ? 2 : 1)
    .join('/')
}
