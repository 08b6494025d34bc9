import assert from 'node:assert/strict'
import { test } from 'node:test'
import { find, read } from './sources.ts'

/**
 * Packages that are searched together. Tests, benchmarks, chaos runs and scripts are separate
 * programs.
 */
const packages = [
  'apps/server',
  // The names that a project imports, which describe the same things as those of the server.
  'apps/server/src/authoring',
  'apps/server/src/testing',
  'apps/console',
  'packages/contract',
  'packages/sdk',
  'packages/react',
  'packages/assistant-ui',
  'packages/cli',
  'packages/ai-sdk',
]

const exported =
  /^export (?:abstract )?(?:async )?(?:const|let|function\*?|class|type|interface|enum) (\w+)/gm
const privateType = /^(?:abstract )?(?:type|interface|enum|class) (\w+)/gm
const parameters = String.raw`\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)`
const privateFunction = new RegExp(
  String.raw`^(?:async )?function\*? (\w+)|^const (\w+)(?:: [^=\n]+)? =\s*(?:async )?(?:<[^(]*>)?${parameters}(?:: [^=\n]+)? =>`,
  'gm',
)
const vague =
  /^(?:export )?(?:type|interface) (Told|Said|Kept|Place|Outcome|Answer|Found|Listing)\b/gm

/** The names that a package's files declare, with the files of each. */
function declaredIn(place: string, pattern: RegExp): [name: string, files: string[]][] {
  const nested = packages.filter((other) => other.startsWith(`${place}/`))
  const names = find(`${place}/**/*.{ts,tsx}`)
    .filter((file) => file.includes('/src/') && !/\.test\.tsx?$|\.d\.ts$/.test(file))
    .filter((file) => !nested.some((other) => file.startsWith(`${other}/`)))
    .flatMap((file) => {
      const found = [...read(file).matchAll(pattern)].map(([, ...names]) => names.find(Boolean)!)
      // A schema and its type have one name.
      return [...new Set(found)].map((name) => ({ name, file }))
    })
  return [...Map.groupBy(names, ({ name }) => name)].map(([name, list]) => [
    name,
    list.map(({ file }) => file),
  ])
}

/**
 * Private types that may be named like an exported one. `Config`: each capability names the type of
 * its own config so; the exported one is that of the server.
 */
const allowedPrivately = new Set(['Config'])

const show = ([name, files]: [string, string[]]) => `${name}: ${files.join(', ')}`

test('an exported name has one meaning in its package', () => {
  const twice = packages
    .flatMap((place) => declaredIn(place, exported))
    .filter(([, files]) => files.length > 1)
  assert.deepEqual(twice.map(show), [])
})

test('no private type or function has the name of an export of another file', () => {
  const found = packages.flatMap((place) => {
    const exports = new Map(declaredIn(place, exported))
    const privately = [privateType, privateFunction].flatMap((kind) => declaredIn(place, kind))
    return privately.flatMap(([name, files]): [string, string[]][] => {
      const others = files.filter((file) => !exports.get(name)?.includes(file))
      return exports.has(name) && others.length > 0 && !allowedPrivately.has(name)
        ? [[name, [...exports.get(name)!, ...others]]]
        : []
    })
  })
  assert.deepEqual(found.map(show), [])
})

test('type names are specific nouns', () => {
  const found = packages.flatMap((place) => declaredIn(place, vague))
  // Published: the result of a turn.
  assert.deepEqual(found.map(show), ['Answer: packages/sdk/src/turns/follow.ts'])
})
