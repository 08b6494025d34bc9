/**
 * The programs of nodes that tests of crashes start hundreds of times, as bundles. Loading their
 * 2,100 files one by one takes half of the processor time of a start, 0.6 s.
 */
import { existsSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Plugin } from 'vite'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const programs = [
  // Imported before a program: changes a module of its bundle.
  'apps/server/test/processes/patient-waits',
  'test/crash/node-main',
  'test/crash/alert-node',
  'test/crash/code/code-main',
  'test/crash/code/hook-node',
]

/** Set by `scripts/test.ts`. */
const runFolder = process.env.OUTLAST_TEST_FOLDER ?? ''
const bundleFolder = path.join(runFolder, 'programs')

/** The bundle of a program if this run has made one, else its file. */
export function bundled(file: string): string {
  const bundle = path.join(bundleFolder, path.relative(root, file).replace(/\.ts$/, '.js'))
  return existsSync(bundle) ? bundle : file
}

/** A module finds the files beside its source, as there are none beside the bundle. */
const sourceUrls: Plugin = {
  name: 'source-urls',
  transform(code, id) {
    if (!id.endsWith('.ts')) return undefined
    return code.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(id).href))
  },
}

/** Writes the bundles into the folder of the run. */
export async function bundlePrograms(): Promise<void> {
  // Only here, since every test process loads this file.
  const { build } = await import('vite')
  // The packages that are not in a bundle.
  symlinkSync(path.join(root, 'node_modules'), path.join(runFolder, 'node_modules'), 'junction')
  await build({
    configFile: false,
    logLevel: 'error',
    root,
    plugins: [sourceUrls],
    ssr: { noExternal: true, external: ['@node-rs/argon2'] },
    build: {
      ssr: true,
      outDir: bundleFolder,
      target: 'esnext',
      rolldownOptions: {
        input: Object.fromEntries(programs.map((name) => [name, path.join(root, `${name}.ts`)])),
      },
    },
  })
}
