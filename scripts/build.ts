/**
 * Builds `dist/outlast`, the product in plain JavaScript, for `npm pack` and the image. Node strips
 * no types below node_modules, so Node's own function strips them here. The remaining code keeps
 * its line and column, so stack traces need no source map.
 * Contract: needs only Node, and the console as built by scripts/console.ts; the folder is
 * replaced.
 */
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

/** Source files of the product; tests are beside their sources and are left out. */
const code = [
  'apps/server/src/**/*.ts',
  'packages/{contract,sdk,cli}/src/**/*.ts',
  'scripts/rotate-keys.ts',
]
const startUp = ['outlast.js', 'start.js', 'src/newer-node.js'].map((file) => `apps/server/${file}`)
const data = [
  'apps/server/package.json',
  'apps/server/migrations',
  'apps/server/catalogue',
  'apps/server/reference',
  'apps/server/templates',
  'apps/console/dist',
  'packages/cli/package.json',
]

/** Workspace packages become plain folders in the build. */
const entries: Record<string, string> = {
  '@outlast/contract': 'packages/contract/src/index.ts',
  '@outlast/sdk': 'packages/sdk/src/index.ts',
  '@outlast/sdk/standard-schema': 'packages/sdk/src/turns/standard-schema.ts',
  '@outlast/sdk/feedback': 'packages/sdk/src/turns/feedback.ts',
  '@outlast/sdk/turn-steps': 'packages/sdk/src/turns/turn-steps.ts',
  '@outlast/cli': 'packages/cli/src/main.ts',
}

/** The forms in which our code imports another file of ours. */
const forms = [
  /(\bfrom )'([^'\n]+)'/g,
  /(^import )'([^'\n]+)'/gm,
  /(\bimport\()'([^'\n]+)'/g,
  /(\bnew URL\()'([^'\n]+)'(?=, import\.meta\.url)/g,
]

/** Writes the product into `folder`. */
export function build(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  for (const file of globSync(code, { cwd: root, exclude: ['**/*.test.ts', '**/*.d.ts'] })) {
    put(folder, file.replace(/\.ts$/, '.js'), translated(file, stripped(read(file))))
  }
  for (const file of startUp) put(folder, file, translated(file, read(file)))
  for (const place of data) {
    cpSync(path.join(root, place), path.join(folder, place), { recursive: true })
  }
}

export const read = (file: string) => readFileSync(path.join(root, file), 'utf8')

export const stripped = (text: string) => stripTypeScriptTypes(text, { mode: 'strip' })

/** The text with the imports of the build. */
function translated(file: string, text: string): string {
  return forms.reduce(
    (before, form) =>
      before.replace(form, (_all, start, name) => `${start}'${nameInBuild(file, name)}'`),
    text,
  )
}

function nameInBuild(from: string, name: string): string {
  const entry = entries[name] ?? foldIn(name)
  const named = entry ? path.posix.relative(path.posix.dirname(unix(from)), entry) : name
  return named.startsWith('.') ? named.replace(/\.ts$/, '.js') : named
}

const foldIn = (name: string) =>
  name.startsWith('@outlast/contract/folds/')
    ? `packages/contract/src/folds/${path.posix.basename(name)}.ts`
    : undefined

const unix = (file: string) => file.split(path.sep).join('/')

export function put(folder: string, file: string, text: string): void {
  const target = path.join(folder, file)
  mkdirSync(path.dirname(target), { recursive: true })
  writeFileSync(target, text)
}

if (import.meta.main) build(path.join(root, 'dist/outlast'))
