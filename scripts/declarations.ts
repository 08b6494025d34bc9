/** Runs the compiler to write the declarations of TypeScript files. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { root } from './build.ts'

type Sources = {
  /** Absolute paths of the files. */
  files: string[]
  /** Absolute path of the folder whose tree the output has. */
  rootDir: string
  /** Files in place of packages. */
  paths?: Record<string, string[]>
}

/**
 * Calls `use` with the folder of the declarations, which is removed afterwards.
 * Contract: throws with the compiler's output when the files do not compile.
 */
export function withDeclarations(
  { files, ...options }: Sources,
  use: (folder: string) => void,
): void {
  mkdirSync(path.join(root, 'dist'), { recursive: true })
  const work = mkdtempSync(path.join(root, 'dist', 'types-'))
  const outDir = path.join(work, 'out')
  const emitting = { noEmit: false, declaration: true, emitDeclarationOnly: true }
  const settings = {
    extends: path.join(root, 'tsconfig.json'),
    compilerOptions: { ...emitting, ...options, outDir },
    include: [],
    files,
  }
  try {
    writeFileSync(path.join(work, 'tsconfig.json'), JSON.stringify(settings))
    compile(work)
    use(outDir)
  } finally {
    rmSync(work, { recursive: true })
  }
}

/** Compiles a folder of TypeScript for browsers, with `paths` in place of packages. */
export function compileInto(
  outDir: string,
  { sources, paths }: { sources: string; paths: Record<string, string[]> },
): void {
  const settings = {
    extends: path.join(root, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      rewriteRelativeImportExtensions: true,
      lib: ['es2024', 'dom', 'dom.iterable', 'dom.asynciterable'],
      target: 'es2022',
      jsx: 'react-jsx',
      types: [],
      rootDir: sources,
      outDir,
      paths,
    },
    include: [sources],
    exclude: [],
  }
  writeFileSync(path.join(sources, 'tsconfig.json'), JSON.stringify(settings))
  compile(sources)
}

function compile(project: string): void {
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', project], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`The types could not be written:\n${stdout}`)
}
