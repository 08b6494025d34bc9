/** The package as built, beside a project that imports it by name, without an installation. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from '../../scripts/build.ts'
import { buildSdk } from '../../scripts/build-sdk.ts'
import { buildTypes } from '../../scripts/build-types.ts'

export const root = path.resolve(fileURLToPath(new URL('../../', import.meta.url)))

export type Installed = {
  /** A folder for projects, in which the package `outlast` is found. */
  folder: string
  remove: () => void
}

/** Builds the package below the repository, whose dependencies it finds there. */
export async function installPackage(): Promise<Installed> {
  mkdirSync(path.join(root, 'dist'), { recursive: true })
  const folder = mkdtempSync(path.join(root, 'dist', 'installed-'))
  const own = path.join(folder, 'node_modules', 'outlast')
  build(path.join(own, 'dist/outlast'))
  await buildSdk(path.join(own, 'dist/sdk'))
  buildTypes(path.join(own, 'dist/types'))
  cpSync(path.join(root, 'package.json'), path.join(own, 'package.json'))
  symlinkSync(path.join(root, 'node_modules'), path.join(own, 'node_modules'))
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** Runs a program of Node in a folder. */
export function runNode(cwd: string, args: string[], env: Record<string, string> = {}) {
  const flags = ['--disable-warning=ExperimentalWarning']
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, ...args], {
    cwd,
    env: { PATH: process.env.PATH!, HOME: process.env.HOME ?? cwd, LANG: 'C', ...env },
    encoding: 'utf8',
  })
  return { status, output: stdout + stderr }
}

const tsc = path.join(root, 'node_modules/typescript/bin/tsc')

/** Returns the errors of the compiler for a project. */
export const compile = (cwd: string, ...flags: string[]) =>
  runNode(cwd, [tsc, '-p', '.', ...flags]).output
