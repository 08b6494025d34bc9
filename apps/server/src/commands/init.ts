/** `outlast init`: writes a new project from a template of the package. */
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { projectName } from './project-name.ts'

const templates = fileURLToPath(new URL('../../templates', import.meta.url))
/** The files of every project. */
const common = 'common'
/** npm packs no file with the second name. */
const renamed = new Map([['gitignore', '.gitignore']])

export const templateNames = ['chat', 'support', 'research'] as const

type NewProject = {
  /** The folder, which is created if it does not exist. */
  folder: string
  template: string
  version: string
}

/** A project that cannot be created. The message is complete. */
class InitError extends Error {
  override name = 'InitError'
}

/**
 * Creates the files of a project. Returns their names.
 * Contract: existing files are not changed: if a file of the template exists, nothing is written.
 */
function initProject({ folder, template, version }: NewProject): string[] {
  if (!templateNames.some((name) => name === template)) {
    throw new InitError(`There is no template ${template}. Use one of ${templateNames.join(', ')}.`)
  }
  const files = new Map([...filesOf(common), ...filesOf(template)])
  const taken = new Set([...files.keys()].flatMap((file) => inTheWay(folder, file)))
  if (taken.size > 0) {
    throw new InitError(`${folder} already has ${[...taken].join(', ')}. Nothing was changed.`)
  }
  for (const [file, source] of files) copyTemplateFile(source, path.join(folder, file))
  const manifest = path.join(folder, 'package.json')
  const about = JSON.parse(readFileSync(manifest, 'utf8'))
  about.name = projectName(folder)
  about.dependencies.outlast = `^${version}`
  writeFileSync(manifest, `${JSON.stringify(about, undefined, 2)}\n`)
  return [...files.keys()].sort()
}

/** The files of a template: their names in the project, and their places. */
function filesOf(template: string): [string, string][] {
  const root = path.join(templates, template)
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => [
      path.join(path.relative(root, parentPath), renamed.get(name) ?? name),
      path.join(parentPath, name),
    ])
}

/** The file itself, or a file where it needs a folder. */
function inTheWay(root: string, file: string): string[] {
  const parent = path.dirname(file)
  const above = parent === '.' ? [] : inTheWay(root, parent).filter((one) => !isFolder(root, one))
  return above.length === 0 && statsOf(root, file) ? [file] : above
}

const statsOf = (root: string, file: string) =>
  lstatSync(path.join(root, file), { throwIfNoEntry: false })

const isFolder = (root: string, file: string) => statsOf(root, file)?.isDirectory() === true

function copyTemplateFile(source: string, target: string): void {
  makeFolder(path.dirname(target))
  cpSync(source, target, { errorOnExist: true, force: false })
}

/** Node's `recursive` never ends where no folder can be created, as in /proc. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return
  makeFolder(path.dirname(folder))
  mkdirSync(folder)
}

/** Runs the command. Returns the exit code. */
export function init(given: string, template: string, version: string): number {
  const folder = path.resolve(given)
  try {
    const files = initProject({ folder, template, version })
    process.stdout.write(nextSteps(given, files))
    return 0
  } catch (error) {
    if (!(error instanceof InitError) && !('code' in (error as Error))) throw error
    process.stderr.write(`outlast: ${(error as Error).message}\n`)
    return error instanceof InitError ? 2 : 1
  }
}

function nextSteps(folder: string, files: readonly string[]): string {
  const here = path.resolve(folder) === process.cwd()
  const shown = /^[\w./-]+$/.test(folder) ? folder : `'${folder.replaceAll("'", "'\\''")}'`
  return [
    `Created ${files.length} files in ${path.resolve(folder)}.`,
    '',
    'Next:',
    ...(here ? [] : [`  cd ${shown}`]),
    '  npm install',
    '  npm run dev    # start the server; saved files take effect at once',
    '  npm test       # run the tests, with Node 24',
    '',
  ].join('\n')
}
