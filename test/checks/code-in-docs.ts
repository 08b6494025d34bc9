/** Extracts TypeScript from pages and docstrings so that it can be compiled and run. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { read, root } from './sources.ts'

/** `file`: the path in a comment on the first line of the code. */
export type Block = { page: string; line: number; file: string | undefined; code: string }

/** Self-contained TypeScript of a page or of docstrings: it begins with an import. */
export function blocksOf(page: string): Block[] {
  const text = page.endsWith('.ts') ? read(page).replace(/^ *\* ?/gm, '') : read(page)
  const found = text.matchAll(/^```ts\n(?:\/\/ (\S+\.ts)\n)?(import .*?)^```/gms)
  return [...found].map(({ 1: file, 2: code, index }) => ({
    page,
    line: text.slice(0, index).split('\n').length + 1,
    file,
    code: code!,
  }))
}

/**
 * Writes blocks into a folder that git ignores, below the root, where packages resolve as in the
 * product. Blocks with a `file` can be imported by others. Returns the paths of the written files.
 */
export function writeBlocks(name: string, blocks: Block[]): string[] {
  const folder = path.join(root, 'dist', name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  return blocks.map((block) => {
    const written = path.join(folder, nameOf(block))
    writeFileSync(written, `${withImports(block, blocks)}\nexport {}\n`)
    return written
  })
}

const nameOf = ({ page, line, file }: Block) =>
  file ? path.posix.basename(file) : `${page.replaceAll('/', '-')}-line-${line}.ts`

function withImports({ file, code }: Block, blocks: Block[]): string {
  if (!file) return code
  return code.replace(/ from '(\.[^']+)'/g, (_, to: string) => {
    const target = path.posix.join(path.posix.dirname(file), to)
    const other = blocks.find((block) => block.file === target)
    return ` from '${other ? `./${nameOf(other)}` : `../../${target}`}'`
  })
}
