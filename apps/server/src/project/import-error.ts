/** Explains why a file of a project could not be imported. */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { thrownMessage } from '../text.ts'
import type { ProjectProblem } from './problems.ts'

type ImportError = { code?: unknown; name?: unknown; message?: unknown; stack?: unknown }

/** Settings of tsconfig.json with which an editor reports what Node cannot run. */
const flags =
  'Set erasableSyntaxOnly, verbatimModuleSyntax and allowImportingTsExtensions in tsconfig.json, so that the editor reports it'

/** The problem of `file`, or of the file that it imports. */
export function importProblem(root: string, file: string, error: unknown): ProjectProblem {
  const about = (typeof error === 'object' && error !== null ? error : {}) as ImportError
  const message = thrownMessage(error)
  if (about.code === 'ERR_MODULE_NOT_FOUND') return missing(root, file, message)
  const at = placeInStack(root, typeof about.stack === 'string' ? about.stack : '') ?? { file }
  return { ...at, message: sentenceFor(about, message) }
}

function sentenceFor({ code, name }: ImportError, message: string): string {
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') {
    return `${message.replace(' in strip-only mode', '')} by Node, which removes types and compiles nothing. ${flags}.`
  }
  if (code === 'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING') {
    return 'is TypeScript below node_modules, which Node does not run. Packages have to contain JavaScript.'
  }
  if (code === 'ERR_INVALID_TYPESCRIPT_SYNTAX') return `is not valid TypeScript: ${message}`
  const [, from, missingName] =
    /requested module '(.+)' does not provide an export named '(.+)'/.exec(message) ?? []
  if (from) {
    return `imports ${missingName} from ${from}, which has no such value. Write \`import type\` if it is a type. ${flags}.`
  }
  if (/import statement outside a module|Unexpected token 'export'/.test(message)) {
    return 'is read as CommonJS. Set "type": "module" in package.json.'
  }
  if (name === 'SyntaxError') return `is not valid JavaScript: ${message}`
  return `failed while it was imported: ${message}`
}

function missing(root: string, file: string, message: string): ProjectProblem {
  const [, kind, wanted = '', from] =
    /^Cannot find (package|module) '(.+?)' imported from (.+)$/m.exec(message) ?? []
  const importer = from ? relative(root, from) : file
  if (kind === 'package') {
    const line = importLine(root, importer, wanted)
    return {
      file: importer,
      ...(line && { line }),
      message: `imports the package ${wanted}, which is not installed. Run: npm install ${wanted}`,
    }
  }
  const name = path.basename(wanted)
  const line = importLine(root, importer, name)
  const hint = hintFor(wanted)
  return {
    file: importer,
    ...(line && { line }),
    message: `imports ${relative(root, wanted)}, which does not exist.${hint}`,
  }
}

/** Advises on the name of a file that does not exist. */
function hintFor(wanted: string): string {
  const name = path.basename(wanted)
  if (path.extname(name) === '') return ` Write the ending of the file, such as ${name}.ts.`
  const source = wanted.replace(/\.(m?)js$/, '.$1ts')
  return source !== wanted && existsSync(source) ? ` Write ${path.basename(source)}.` : ''
}

function importLine(root: string, file: string, text: string): number | undefined {
  try {
    const lines = readFileSync(path.resolve(root, file), 'utf8').split('\n')
    const index = lines.findIndex((line) => /\b(import|from)\b/.test(line) && line.includes(text))
    return index < 0 ? undefined : index + 1
  } catch {
    return undefined
  }
}

/** The first place of a stack in a file of the project. */
function placeInStack(root: string, stack: string): { file: string; line: number } | undefined {
  const places = stack.matchAll(
    /(?:\(|^|at |\s)((?:file:\/\/)?\/[^\n():]+|[A-Za-z]:\\[^\n():]+):(\d+)/gm,
  )
  for (const [, file = '', line] of places) {
    const shown = relative(root, file)
    if (shown.startsWith('..') || path.isAbsolute(shown) || shown.includes('node_modules/'))
      continue
    return { file: shown, line: Number(line) }
  }
  return undefined
}

function relative(root: string, file: string): string {
  const plain = file.startsWith('file:') ? fileURLToPath(file) : file
  return path.relative(root, plain).split(path.sep).join('/')
}
