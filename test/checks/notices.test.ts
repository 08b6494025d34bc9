import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shippedPackages } from '../../scripts/notices.ts'
import { find, importsOf, packageOf, read } from './sources.ts'

/** Licenses that allow use and distribution of a product under any license, with a notice. */
const allowed = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  // Of fonts: it only forbids to sell them alone.
  'OFL-1.1',
  'MIT',
  'Python-2.0',
  'Unlicense',
])

/** Optional dependency of just-bash, never loaded by the server, and not in the image. */
const exceptions: Record<string, string> = { 'node-liblzma': 'LGPL-3.0' }

/** True when one of the licenses of an expression such as `(MIT OR WTFPL)` is allowed. */
const isAllowed = (license: string) =>
  license
    .replace(/[()]/g, '')
    .split(' OR ')
    .some((one) => allowed.has(one))

test('every shipped package has a license that requires at most a notice', () => {
  const refused = shippedPackages().filter(
    ({ name, license }) => !isAllowed(license) && exceptions[name] !== license,
  )
  assert.deepEqual(
    refused.map(({ name, license }) => `${name}: ${license}`),
    [],
  )
  assert.ok(!isAllowed('GPL-3.0') && !isAllowed('(GPL-2.0 OR AGPL-3.0)') && !isAllowed('unknown'))
})

test('the notices list every package that the product imports', () => {
  const notices = read('THIRD_PARTY_NOTICES.txt')
  // Packages for front ends import the libraries of the page, which are peers.
  const product = find('{apps,packages}/*/src/**/*.{ts,tsx}').filter(
    (file) => !/\.test\.ts$|^packages\/(react|assistant-ui|ai-sdk)\//.test(file),
  )
  const imported = new Set(
    product
      .flatMap(importsOf)
      .filter(({ types }) => !types)
      .map(packageOf)
      .filter((name) => name !== undefined && !name.startsWith('@outlast/')),
  )
  assert.ok(imported.size > 30)
  assert.deepEqual(
    [...imported].filter((name) => !notices.includes(`\n${name} `)),
    [],
  )
})

test('the image leaves out the one package under the LGPL', () => {
  assert.match(read('Dockerfile'), /rm -rf [^\n]*node_modules\/node-liblzma/)
})
